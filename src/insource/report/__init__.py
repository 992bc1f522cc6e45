"""One self-contained HTML file, or a short Markdown summary, rendered from a stored result."""

from insource.report.markdown import render_markdown
from insource.report.render import render, write_report

__all__ = ["render", "render_markdown", "write_report"]
