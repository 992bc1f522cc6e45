"""Render a stored result as one self-contained HTML file or as a short Markdown summary."""

from insource.report.markdown import render_markdown
from insource.report.render import render, write_report

__all__ = ["render", "render_markdown", "write_report"]
