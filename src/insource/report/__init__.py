"""One self-contained HTML file rendered from a stored result."""
