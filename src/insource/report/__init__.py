"""Render a stored result, or a decision, as one self-contained HTML file or as Markdown."""

from insource.report.decision_markdown import render_decision_markdown
from insource.report.markdown import render_markdown
from insource.report.render import render, render_decision, write_decision, write_report

__all__ = [
    "render",
    "render_decision",
    "render_decision_markdown",
    "render_markdown",
    "write_decision",
    "write_report",
]
