"""Render a stored result, or a decision, as one self-contained HTML file, without scripts or requests.

The same result gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from insource.foundation.clock import iso
from insource.foundation.errors import PrerequisiteError, missing_extra
from insource.foundation.files import replace_text
from insource.foundation.version import __version__
from insource.report import words
from insource.report.page import Page, Plot, Spec
from insource.report.sections.banner import banner
from insource.report.sections.contents import sections
from insource.report.sections.deciding.contents import decision_sections
from insource.report.sections.deciding.headline import decision_banner
from insource.report.sections.monitoring.contents import monitoring_banner, monitoring_sections
from insource.types import RunResult
from insource.types.decided import Decision
from insource.types.monitoring import Check

if TYPE_CHECKING:
    from markupsafe import Markup

VEGA_LITE = "6.4"
WIDE, NARROW = 864, 320


def render(result: RunResult) -> str:
    """Render the report as one HTML document.

    Raises:
        PrerequisiteError: ``missing-extra`` when the ``report`` extra is not installed.

    Examples:
        Render the ``result.json`` of a run folder:

        >>> from pathlib import Path
        >>> from insource import RunResult, render
        >>> result = RunResult.model_validate_json(Path("result.json").read_text())
        >>> render(result).startswith("<!DOCTYPE html>")
        True
    """
    shown = RunResult.model_validate(words.visible(result.model_dump()))
    return _html(
        Page(
            kicker=f"Insource report · {shown.task}",
            title=shown.title,
            made=f"{shown.finished_at} · {shown.run_id}",
            version=shown.insource_version,
            source=f"the stored records of run {shown.run_id}",
            banner=banner(shown),
            sections=sections(shown),
        )
    )


def render_decision(decision: Decision) -> str:
    """Render a decision as one HTML document.

    Raises:
        PrerequisiteError: ``missing-extra`` when the ``report`` extra is not installed.
    """
    shown = Decision.model_validate(words.visible(decision.model_dump()))
    return _html(
        Page(
            kicker=f"Insource decision · {shown.task}",
            title=f"Is a model of our own worth it for {shown.task}?",
            made=" · ".join(filter(None, (shown.decided_at, shown.run_id))),
            version=shown.insource_version,
            source=f"the decision on {shown.task} of {shown.decided_at}",
            banner=decision_banner(shown),
            sections=decision_sections(shown),
        )
    )


def render_monitoring(checks: Sequence[Check]) -> str:
    """Render the checks of one task, oldest first, as one HTML document.

    Raises:
        PrerequisiteError: ``missing-extra`` when the ``report`` extra is not installed.
        ValueError: there is no check.
    """
    if not checks:
        raise ValueError("a page of the monitor needs a check")
    shown = [Check.model_validate(words.visible(check.model_dump())) for check in checks]
    newest = shown[-1]
    return _html(
        Page(
            kicker=f"Insource monitor · {newest.task}",
            title=f"What moved since {newest.task} is answered here?",
            made=f"{iso(newest.at)} · {newest.version}",
            version=__version__,
            source=f"the last {len(shown):,} checks of the task {newest.task}",
            banner=monitoring_banner(shown),
            sections=monitoring_sections(shown),
        )
    )


def write_report(result: RunResult, path: Path) -> Path:
    """Render the report and write it to ``path`` atomically. Return the path.

    Raises:
        PrerequisiteError: ``missing-extra``; ``report-not-written`` when the file cannot be written.

    Examples:
        Render the ``result.json`` of a run folder:

        >>> from pathlib import Path
        >>> from insource import RunResult, write_report
        >>> result = RunResult.model_validate_json(Path("result.json").read_text())
        >>> write_report(result, Path("report.html")).name
        'report.html'
    """
    return _write(render(result), path, "choose another path: insource report -o PATH")


def write_decision(decision: Decision, path: Path) -> Path:
    """Render the page of a decision and write it to ``path`` atomically. Return the path.

    Raises:
        PrerequisiteError: ``missing-extra``; ``report-not-written`` when the file cannot be written.
    """
    return _write(render_decision(decision), path, "write to another disk")


def write_monitoring(checks: Sequence[Check], path: Path) -> Path:
    """Render the page of the monitor and write it to ``path`` atomically. Return the path.

    Raises:
        PrerequisiteError: ``missing-extra``; ``report-not-written`` when the file cannot be written.
    """
    return _write(render_monitoring(checks), path, "choose another path: insource monitor report -o PATH")


def _write(content: str, path: Path, other: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, content, mode=0o644)
    except OSError as error:
        raise PrerequisiteError(
            "report-not-written",
            f"The report could not be written to {path}: {error.strerror or error}.",
            hint=f"Free some space, or {other}",
        ) from error
    return path


def unbroken(text: str) -> str:
    """Return the text with negative amounts that a browser does not break after their sign."""
    return text.replace("−$", "−\u2060$")


def _html(page: Page) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("insource.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    template = environment.get_template("report.html.j2")
    anchors = {section.anchor for section in page.sections}
    return template.render(page=page, anchors=anchors, drawing=drawing).lstrip()


def drawing(plot: Plot) -> Markup:
    """Return the plot as two SVGs, for wide and for narrow pages. The page's CSS shows one of them."""
    from markupsafe import Markup

    label = f"{plot.question} {plot.answer}"
    return Markup("").join(
        Markup('<svg class="{}" role="img" aria-label="{}"').format(kind, label)
        + Markup(_svg(plot.draw(width)))
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    )


def _svg(spec: Spec) -> str:
    """Return the drawing without its leading ``<svg``. The renderer has escaped the text in it."""
    try:
        import vl_convert
    except ImportError as error:
        raise missing_extra("The report", "report", "vl_convert") from error
    drawn: str = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    return drawn.strip().removeprefix("<svg").replace(' class="marks"', "", 1)
