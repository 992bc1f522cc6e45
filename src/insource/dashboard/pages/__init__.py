"""One module a page: what it shows, from values; templates have the HTML."""
