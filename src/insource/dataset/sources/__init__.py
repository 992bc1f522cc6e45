"""Where rows come from: each source is read as a stream of rows and of drops with their reason."""
