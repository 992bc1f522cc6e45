"""Check a source's rows before they become a dataset, and keep the decisions about fixes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from insource.contract.infer import infer_output
from insource.contract.limits import limit_notes, limits
from insource.dataset.checks.fixes import read_decisions, write_decisions
from insource.dataset.checks.report import findings_card
from insource.dataset.checks.suite import NAMES, run_checks
from insource.dataset.review.apply import apply_reviews
from insource.dataset.review.decisions import read_reviews
from insource.dataset.rows.reasoning import set_reasoning_apart
from insource.dataset.rows.source import LEFT_OUT
from insource.dataset.rows.staged import staged
from insource.dataset.rows.targets import check_contract
from insource.foundation.errors import UserError
from insource.foundation.files import replace_text
from insource.types import Finding, Fix, FixDecision, Frozen, FunnelStep, JsonSchema
from insource.workflow.build import check_context, made, source_of
from insource.workflow.session import Session

FINDINGS, CARD = "findings.json", "findings.md"


class CheckReport(Frozen):
    """What `insource dataset check` found, and what was decided so far.

    ``stopping`` counts the unusable rows for which a build is refused. ``folder`` keeps it.
    """

    source: str
    read: int
    dropped: dict[str, int]
    funnel: tuple[FunnelStep, ...]
    findings: tuple[Finding, ...]
    decisions: dict[str, FixDecision]
    stopping: int
    folder: str

    @property
    def usable(self) -> int:
        """Rows that were looked at."""
        return self.read - sum(self.dropped.values())


def check_dataset(session: Session) -> CheckReport:
    """Run every check over the source's rows as they are, and keep the findings in the workspace."""
    project = session.project
    session.begin("check", "look for common defects of training data; nothing is changed")
    folder = made(project.workspace / "checks")
    chosen = source_of(session)
    session.display.note(f"{chosen.source.name}: {chosen.reason}")
    strict = session.config.dataset.on_bad_rows == "error"
    with staged(chosen.source, folder) as rows:
        for note in rows.notes:
            session.display.note(note)
        unusable = tuple(rows.dropped)
        apply_reviews(rows, read_reviews(project.reviews_path))
        contract = project.given_output() or infer_output(row.output for row in rows)
        if len(rows):
            check_contract(contract)
            set_reasoning_apart(rows, contract)
            if isinstance(contract, JsonSchema):
                for note in limit_notes(limits(contract.generated)):
                    session.display.note(note)
        findings = run_checks(
            check_context(session, rows, contract),
            progress=lambda done, total: session.display.progress("rows", done, total),
        )
        report = CheckReport(
            source=rows.name,
            read=rows.read,
            dropped=dict(Counter(drop.reason for drop in rows.dropped)),
            funnel=tuple(rows.funnel),
            findings=findings,
            decisions=read_decisions(project.fixes_path),
            stopping=sum(drop.reason not in LEFT_OUT for drop in unusable) if strict else 0,
            folder=str(folder),
        )
    replace_text(folder / FINDINGS, report.model_dump_json(indent=2) + "\n")
    card = findings_card(report.source, report.funnel, report.dropped, report.findings, report.decisions)
    replace_text(folder / CARD, card)
    return report


def decide_fixes(
    session: Session, applied: Sequence[str], declined: Sequence[str], forgotten: Sequence[str], *, who: str
) -> tuple[FixDecision, ...]:
    """Keep decisions in the fixes file; an accepted fix with the parameters last proposed.

    Raises:
        UserError: ``unknown-check``, ``not-checked`` when no check proposed what is accepted.
    """
    path = session.project.fixes_path
    decisions = read_decisions(path)
    for name in (*applied, *declined, *forgotten):
        if name not in NAMES:
            raise UserError(
                "unknown-check", f"There is no check {name!r}.", hint=f"Checks: {', '.join(NAMES)}"
            )
    proposed = _proposed(session.project.workspace) if applied else {}
    when = session.clock.now().isoformat(timespec="seconds")
    for name in applied:
        if name not in proposed:
            raise UserError(
                "not-checked",
                f"No check proposed a fix for {name}.",
                hint="Look first: insource dataset check",
            )
        parameters = proposed[name].parameters
        decisions[name] = FixDecision(check=name, decision="apply", parameters=parameters, who=who, when=when)
    for name in declined:
        decisions[name] = FixDecision(check=name, decision="decline", who=who, when=when)
    for name in forgotten:
        decisions.pop(name, None)
    if applied or declined or forgotten:
        write_decisions(path, decisions.values())
    return tuple(decisions[name] for name in NAMES if name in decisions)


def effects(session: Session, decision: FixDecision) -> tuple[str, ...]:
    """Return what a decision will do when the dataset is built, as far as the last check knows."""
    finding = _found(session.project.workspace).get(decision.check)
    count = finding.counted if finding else "rows"
    if decision.decision == "decline":
        return (f"{count} stay as they are",)
    what = finding.fix.summary if finding and finding.fix else "the last check proposed nothing any more"
    changed = "dropped" if finding and finding.fix and finding.fix.action == "drop" else "changed"
    if finding and finding.fix and finding.fix.rows is not None:
        count = f"{finding.fix.rows:,} of {count}"
    lines = [f"{what}: {count} {changed} by the last check's count" if finding else what]
    for key, value in decision.parameters.items():
        tables = value.items() if isinstance(value, dict) else [("", value)]
        for field, table in tables:
            pairs = table.items() if isinstance(table, dict) else []
            said = ", ".join(f"{old!r} → {new!r}" for old, new in pairs) if pairs else repr(table)
            lines.append(f"{key} {field}: {said}" if field else f"{key}: {said}")
    return tuple(lines)


def _found(workspace: Path) -> dict[str, Finding]:
    path = workspace / "checks" / FINDINGS
    if not path.exists():
        return {}
    try:
        report = CheckReport.model_validate_json(path.read_bytes())
    except ValidationError:  # damaged, or of another version: as if nobody had looked
        return {}
    return {finding.check: finding for finding in report.findings}


def _proposed(workspace: Path) -> dict[str, Fix]:
    found = _found(workspace)
    return {name: finding.fix for name, finding in found.items() if finding.fix is not None}
