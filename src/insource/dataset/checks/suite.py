"""Run all checks over the same rows in one reading, and apply the accepted fixes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from insource.dataset.checks.answer_in_prompt import AnswerInPrompt
from insource.dataset.checks.check import Check, Context, by_split
from insource.dataset.checks.class_imbalance import ClassImbalance
from insource.dataset.checks.constant_fields import ConstantFields
from insource.dataset.checks.contradictory_labels import ContradictoryLabels
from insource.dataset.checks.exact_duplicates import ExactDuplicates
from insource.dataset.checks.format_drift import FormatDrift
from insource.dataset.checks.label_errors import LabelErrors
from insource.dataset.checks.language_mix import LanguageMix
from insource.dataset.checks.mixed_prompts import MixedPrompts
from insource.dataset.checks.near_duplicates import NearDuplicateRows
from insource.dataset.checks.over_length import OverLength
from insource.dataset.checks.refusals import Refusals
from insource.dataset.checks.schema_violations import SchemaViolations
from insource.dataset.checks.sensitive_data import PersonalData, Secrets
from insource.dataset.checks.short_inputs import ShortInputs
from insource.dataset.checks.special_tokens import SpecialTokens
from insource.dataset.checks.teacher_disagreement import TeacherDisagreement
from insource.dataset.checks.term_spellings import TermSpellings
from insource.dataset.checks.truncation import Truncation
from insource.dataset.checks.ungrounded_values import UngroundedValues
from insource.redaction.redactor import Redactor
from insource.redaction.secrets import SECRETS
from insource.types import Dropped, Finding, FixDecision, FunnelStep, Row

# In the order in which accepted fixes are applied: what is no answer goes, prompts are told apart before they
# are changed, what stays is mended, then the contract is kept, and what rows say against each other is looked
# at last: who says what is counted while everybody still is there.
CHECKS: tuple[type[Check], ...] = (
    ShortInputs,
    Truncation,
    Refusals,
    MixedPrompts,
    AnswerInPrompt,
    LanguageMix,
    Secrets,
    PersonalData,
    FormatDrift,
    TermSpellings,
    SchemaViolations,
    UngroundedValues,
    OverLength,
    SpecialTokens,
    ConstantFields,
    ClassImbalance,
    ContradictoryLabels,
    ExactDuplicates,
    NearDuplicateRows,
    TeacherDisagreement,
    LabelErrors,
)
NAMES = tuple(check.name for check in CHECKS)

Progress = Callable[[int, int], None]


def run_checks(
    context: Context,
    checks: Sequence[type[Check]] = CHECKS,
    progress: Progress = lambda done, total: None,
) -> tuple[Finding, ...]:
    """Return what each check finds among the rows of ``context``; nothing is changed.

    Secrets that stand whole in a summary or an example are named, not shown: findings are kept and printed.
    """
    made = [check(context) for check in checks]
    _observe(context, made, progress)
    redactor = Redactor(SECRETS, unfinished=())
    return tuple(
        _masked(check.finding() if check.seen else check.skip("there are no rows"), redactor)
        for check in made
    )


class AppliedFix(NamedTuple):
    """A fix that was applied: its check, with what it observed, the parameters, and what came of it."""

    check: Check
    parameters: Mapping[str, Any]
    step: FunnelStep


def apply_fixes(
    context: Context,
    decisions: Iterable[FixDecision],
    checks: Sequence[type[Check]] = CHECKS,
    progress: Progress = lambda done, total: None,
    *,
    known: Iterable[AppliedFix] = (),
) -> tuple[AppliedFix, ...]:
    """Mend the rows of ``context`` in place, one accepted fix after the other; return those applied.

    Each fix sees the rows as the one before left them. What is not accepted is not touched. The rows' notes
    say where a fix could not be applied, and how many rows of given splits that judge it touched.

    Args:
        known: the fixes that were applied to these very rows before the log's answers joined them. They are
            applied as they were, without observing the rows again: no check takes its parameters from the
            answers. A fix that found nothing then is looked for again.
    """
    accepted = {one.check: one for one in decisions if one.decision == "apply"}
    before = {fix.check.name: (fix.check, fix.parameters) for fix in known}
    applied = []
    for kind in checks:
        if (decision := accepted.get(kind.name)) is None:
            continue
        fix = before.get(kind.name) or _observed(context, kind, decision, progress)
        if fix is not None:
            applied.append(AppliedFix(*fix, _apply(context, *fix)))
    return tuple(applied)


def _observed(
    context: Context, kind: type[Check], decision: FixDecision, progress: Progress
) -> tuple[Check, Mapping[str, Any]] | None:
    """Return the check and the parameters of its fix, or None when these rows do not need the fix."""
    check = kind(context)
    _observe(context, [check], progress)
    finding = check.finding()
    if finding.fix is None and not decision.parameters:
        if finding.skipped:
            context.rows.notes += (f"The fix of {kind.name} was not applied: {finding.skipped}.",)
        return None
    return check, decision.parameters or (finding.fix.parameters if finding.fix else {})


def _apply(context: Context, check: Check, parameters: Mapping[str, Any]) -> FunnelStep:
    done: dict[str, Counter[str]] = {"dropped": Counter(), "changed": Counter()}

    def change(index: int, row: Row) -> Row | Dropped:
        result = check.fixed(index, context.view(row), parameters)
        if row.split and result != row:
            done["dropped" if isinstance(result, Dropped) else "changed"][row.split] += 1
        return result

    step = context.rows.transform(check.name, change)
    context.rows.notes += tuple(
        f"The fix of {check.name} {what} rows of splits that the source gives: {said}."
        for what, counts in done.items()
        if (said := by_split(counts))
    )
    return step


def _masked(finding: Finding, redactor: Redactor) -> Finding:
    instances = tuple(
        one.model_copy(update={"detail": redactor.text(one.detail)}) for one in finding.instances
    )
    return finding.model_copy(update={"summary": redactor.text(finding.summary), "instances": instances})


def _observe(context: Context, checks: Sequence[Check], progress: Progress) -> None:
    total = len(context.rows)
    for index, row in enumerate(context.rows):
        view = context.view(row)  # one for all checks, which read much the same off a row
        for check in checks:
            check.observe(index, view)
        if index % 1000 == 999 or index + 1 == total:
            progress(index + 1, total)
