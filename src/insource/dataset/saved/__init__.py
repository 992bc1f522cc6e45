"""Read and write what a build leaves on disk: the dataset folder, its card, its differences."""
