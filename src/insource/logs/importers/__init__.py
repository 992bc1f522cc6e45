"""Import the logs of other tools: one module per format, each a pure generator of calls."""
