"""The content of the pages as values, one module per page. The templates contain the HTML."""
