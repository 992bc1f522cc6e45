"""All checks over the same rows, one reading for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from insource.dataset.checks.answer_in_prompt import AnswerInPrompt
from insource.dataset.checks.check import Check, Context
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
from insource.dataset.checks.short_inputs import ShortInputs
from insource.dataset.checks.taken_out import PersonalData, Secrets
from insource.dataset.checks.teacher_disagreement import TeacherDisagreement
from insource.dataset.checks.term_spellings import TermSpellings
from insource.dataset.checks.truncation import Truncation
from insource.dataset.checks.ungrounded_values import UngroundedValues
from insource.types import Finding, FixDecision, FunnelStep

# In the order in which accepted fixes are applied: what is no answer goes, what stays is mended, then the
# contract is kept, and what rows say against each other is looked at last.
CHECKS: tuple[type[Check], ...] = (
    ShortInputs,
    Truncation,
    Refusals,
    AnswerInPrompt,
    MixedPrompts,
    LanguageMix,
    Secrets,
    PersonalData,
    FormatDrift,
    TermSpellings,
    SchemaViolations,
    UngroundedValues,
    OverLength,
    ConstantFields,
    ClassImbalance,
    ExactDuplicates,
    NearDuplicateRows,
    ContradictoryLabels,
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
    """What each check finds among the rows of ``context``; nothing is changed."""
    made = [check(context) for check in checks]
    _observe(context, made, progress)
    return tuple(check.finding() for check in made)


def apply_fixes(
    context: Context,
    decisions: Iterable[FixDecision],
    checks: Sequence[type[Check]] = CHECKS,
    progress: Progress = lambda done, total: None,
) -> tuple[FunnelStep, ...]:
    """Mend the rows of ``context`` in place, one accepted fix after the other.

    Each fix sees the rows as the one before left them. What is not accepted is not touched.
    """
    accepted = {one.check: one for one in decisions if one.decision == "apply"}
    steps = []
    for kind in checks:
        if (decision := accepted.get(kind.name)) is None:
            continue
        check = kind(context)
        _observe(context, [check], progress)
        finding = check.finding()
        if finding.fix is None and not decision.parameters:
            continue
        parameters = decision.parameters or (finding.fix.parameters if finding.fix else {})
        steps.append(context.rows.transform(kind.name, partial(check.fixed, parameters=parameters)))
    return tuple(steps)


def _observe(context: Context, checks: Sequence[Check], progress: Progress) -> None:
    total = len(context.rows)
    for index, row in enumerate(context.rows):
        for check in checks:
            check.observe(index, row)
        if index % 1000 == 999 or index + 1 == total:
            progress(index + 1, total)
