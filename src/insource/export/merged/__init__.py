"""The whole model in one file: the adapter merged into its base, as safetensors and as quantised GGUF."""
