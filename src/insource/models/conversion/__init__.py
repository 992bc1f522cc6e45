"""From a Hugging Face folder to the GGUF file that is served. Nothing here needs PyTorch."""
