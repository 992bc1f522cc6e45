"""The OpenAI-compatible front door: local first, cloud when in doubt, everything logged."""
