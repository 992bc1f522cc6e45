"""Documents without an answer: failed calls, refusals, answers that were cut."""

from __future__ import annotations

from collections import Counter

from insource.dataset.checks.refusals import refusal
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share, shown, worth_naming
from insource.types import TOKEN_LIMIT, EvalRecord, Example, JsonSchema

_CUT = frozenset({"length", TOKEN_LIMIT})


def find(case: Case) -> Found | None:
    """Find failed calls, refusals and cut answers. They count as failures; how many there are is said.

    The comparison without them is on the documents that were answered.
    """
    reasons: Counter[str] = Counter()
    rows: list[str] = []
    evidence: list[str] = []
    for example, record in case.documents():
        if reason := _reason(case, example, record):
            reasons[reason] += 1
            rows.append(record.row_id)
            said = record.reason or case.answer(example, record)
            evidence.append(f"{record.row_id}: {reason}: “{shown(said)}”")
    if not worth_naming(len(rows), case.size):
        return None
    listed = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
    return Found(
        handicap(
            case,
            "no-answer",
            len(rows),
            f"{case.arm.name} gave no whole answer to {share(len(rows), case.size)}: {listed}. "
            "They count as failures.",
            evidence=tuple(evidence[:SHOWN]),
            next_step="Ask again about these documents: with a higher limit of tokens where answers are cut, "
            "with another wording where they are refused.",
        ),
        left_out=frozenset(rows),
    )


def _reason(case: Case, example: Example, record: EvalRecord) -> str:
    if record.status == "failed":
        return "failed"
    text = case.answer(example, record)
    finished = {
        case.call(example).finish_reason,
        record.completion.finish_reason if record.completion else "",
    }
    if record.score is not None and record.score.exact:
        return ""
    if finished & _CUT or _is_cut(case, text, record):
        return "cut"
    said = refusal(text)
    if "content_filter" in finished or (said and said.casefold() not in example.input.casefold()):
        return "refused"
    return "" if text.strip() else "empty"


def _is_cut(case: Case, text: str, record: EvalRecord) -> bool:
    """Return whether JSON begins and does not end."""
    opened = isinstance(case.task.output, JsonSchema) and "{" in text
    unread = record.score is not None and not record.score.repairable
    return opened and unread and text.count("{") > text.count("}")
