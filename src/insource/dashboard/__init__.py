"""Pages in the browser, on loopback: read from the project, written by people."""
