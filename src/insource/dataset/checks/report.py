"""Write the report of a check in Markdown: what was read, found and decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from insource.types import Finding, FixDecision, FunnelStep, Instance


def findings_card(
    source: str,
    funnel: Iterable[FunnelStep],
    dropped: Mapping[str, int],
    findings: Sequence[Finding],
    decisions: Mapping[str, FixDecision],
) -> str:
    """Return what was found, errors before warnings; what is in order; what was not looked at."""
    found = sorted((one for one in findings if one.count), key=importance)
    sections = [f"# What the checks found in {code(source)}", "## Rows", _rows(funnel, dropped)]
    sections += ["## Findings", _table(found, decisions) if found else "Nothing."]
    sections += [_section(finding, decisions) for finding in found]
    if fine := [one.check for one in findings if in_order(one)]:
        sections += ["## In order", ", ".join(fine)]
    if unseen := [(one.check, left) for one in findings if (left := one.skipped or one.unjudged)]:
        sections += ["## Not looked at", "\n".join(f"- {check}: {text(left)}" for check, left in unseen)]
    return "\n\n".join(sections) + "\n"


def importance(finding: Finding) -> tuple[int, int, float, str]:
    """Return the order in which findings are shown: made, severity, share, name."""
    severity = ("error", "warning", "info").index(finding.severity)
    return bool(finding.skipped), severity, -finding.share, finding.check


def in_order(finding: Finding) -> bool:
    """Return whether everything was looked at and nothing found."""
    return not (finding.count or finding.skipped or finding.unjudged)


def place(instance: Instance) -> str:
    """Return where a finding's example is: its line, else its id; empty for a field."""
    if instance.line is not None:
        return f"line {instance.line}: "
    return f"{instance.row_id}: " if instance.row_id else ""


def decided(finding: Finding, decisions: Mapping[str, FixDecision]) -> str:
    """Return what was decided about a finding's fix, in a word."""
    if finding.fix is None:
        return "no fix"
    decision = decisions.get(finding.check)
    return {"apply": "accepted", "decline": "declined"}[decision.decision] if decision else "undecided"


def text(value: str) -> str:
    """Return a text of others in Markdown: on one line, and no markup."""
    flat = " ".join(value.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#&!" else c for c in flat if c.isprintable())


def code(value: str) -> str:
    """Return a text of others as code."""
    return "`" + "".join(c for c in value if c.isprintable()).replace("`", "'") + "`"


def _rows(funnel: Iterable[FunnelStep], dropped: Mapping[str, int]) -> str:
    lines = ["| step | in | dropped | changed | out |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {step.step} | {step.rows_in:,} | {step.dropped:,} | {step.changed:,} | {step.rows_out:,} |"
        for step in funnel
    ]
    reasons = [f"- dropped, {code(reason)}: {count:,}" for reason, count in sorted(dropped.items())]
    return "\n".join([*lines, *(["", *reasons] if reasons else [])])


def _table(found: Iterable[Finding], decisions: Mapping[str, FixDecision]) -> str:
    lines = ["| finding | severity | count | share | fix |", "|---|---|---:|---:|---|"]
    lines += [
        f"| {one.check} | {one.severity} | {one.counted} | {100 * one.share:.1f} % "
        f"| {decided(one, decisions)} |"
        for one in found
    ]
    return "\n".join(lines)


def _section(finding: Finding, decisions: Mapping[str, FixDecision]) -> str:
    parts = [f"### {finding.title}", f"{text(finding.summary)}."]
    if finding.instances:
        shown = [f"- {text(place(one) + one.detail)}" for one in finding.instances]
        parts.append("\n".join(shown))
    if finding.fix is not None:
        parts.append(f"Fix ({decided(finding, decisions)}): {text(finding.fix.summary)}.")
    return "\n\n".join(parts)
