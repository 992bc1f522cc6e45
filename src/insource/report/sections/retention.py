"""The section on overfitting and forgetting: what training did beside the task."""

from __future__ import annotations

from insource.report import words
from insource.report.page import Block, Bullets, Cell, Row, Section, Table
from insource.report.sections.estimates import difference_cell, estimate_cell
from insource.types import Estimate, RunResult
from insource.types.retention import Drift, Retention

PROMPTS = {"task": "prompts of the task", "general": "general prompts"}


def retention(result: RunResult) -> Section | None:
    """Return the section with its answers and tables, None where nothing was measured."""
    found = result.retention
    if found is None:
        return None
    blocks: list[Block] = [Bullets("In one sentence each", answers(found)), _memory_table(found)]
    if found.by_similarity:
        blocks.append(_similarity_table(found))
    if found.probes:
        blocks.append(_probe_table(found))
    if found.drift:
        blocks.append(_drift_table(found))
    return Section("retention", "What did training memorise, and what did it unlearn?", (), tuple(blocks))


def answers(found: Retention) -> tuple[str, ...]:
    """Return one sentence for each question."""
    return (
        _gap(found),
        _similarity(found),
        _counterfactuals(found),
        _canaries(found),
        _skills(found),
        *(_drift(one) for one in found.drift),
        _off(found),
    )


def _gap(found: Retention) -> str:
    if found.gap.value is None:
        return "Overfitting: not measured."
    ratio = words.metric(found.metric).ratio
    shown = f"better by {words.gap(found.gap, ratio=ratio)} on training than on test documents"
    rose = "rose after its minimum" if found.loss_rose else "did not rise after its minimum"
    if found.memorised:
        return f"Overfitting: the model memorised its rows. It is {shown}, and the validation loss {rose}."
    return f"Overfitting: not shown. The model is {shown}; the validation loss {rose}."


def _similarity(found: Retention) -> str:
    trend = found.nearest_minus_farthest
    if trend.value is None:
        return "Similarity: too few test documents to compare those near to training with those far from it."
    shown = words.gap(trend, ratio=words.metric(found.metric).ratio)
    if trend.low is not None and trend.low > 0:
        return f"Similarity: certainly better near to training documents, by {shown}."
    return f"Similarity: not certainly better near to training documents: {shown}."


def _counterfactuals(found: Retention) -> str:
    made = found.counterfactuals
    if not made.documents:
        return f"Changed documents: not measured, {made.note or 'nothing was asked'}."
    follows, kept, stay = (words.described(one) for one in (made.follows, made.kept_old, made.others_stay))
    return (
        f"Changed documents: the changed field has the new value in {follows}, and the value of the training "
        f"label in {kept}; {stay} of the other fields stay."
    )


def _canaries(found: Retention) -> str:
    leaks = found.canaries
    if leaks.rate.value is None:
        return f"Canaries: not measured, {leaks.note or 'nothing was asked'}."
    shown = words.described(leaks.rate)
    fields = words.listed(sorted({path for path, _ in leaks.found}))
    where = f", in {fields}" if leaks.found else ""
    return (
        f"Canaries: {shown} of the test answers have one of {leaks.values:,} values of a single training "
        f"label that their document does not state{where}."
    )


def _skills(found: Retention) -> str:
    by = {
        outcome: [one.probe for one in found.probes if one.outcome == outcome]
        for outcome in ("lost", "held", "undecided", "cannot detect")
    }
    parts = []
    if by["lost"]:
        parts.append(f"certainly lost: {words.listed(by['lost'])}")
    if by["held"]:
        parts.append(f"held within {found.margin * 100:.0f} points: {words.listed(by['held'])}")
    if by["undecided"]:
        parts.append(f"no certain loss, none excluded: {words.listed(by['undecided'])}")
    if by["cannot detect"]:
        parts.append(
            f"the base model is no better than guessing, so no loss can be detected: "
            f"{words.listed(by['cannot detect'])}"
        )
    return f"Skills: {'; '.join(parts) or 'not measured'}."


def _drift(one: Drift) -> str:
    return (
        f"Drift on {PROMPTS[one.prompts]}: {words.number(one.nats.value)} nats a token, {one.band}; "
        f"{words.described(one.same_first)} of the tokens would be chosen alike."
    )


def _off(found: Retention) -> str:
    off = found.adapter_off
    if off.same.value is None:
        return f"Adapter off: not measured, {off.note or 'nothing was asked'}."
    apart = ""
    if off.largest_difference is not None:
        apart = f", log-probabilities at most {words.number(off.largest_difference)} nats apart"
    return f"Adapter off: {words.described(off.same)} of the answers are those of the base model{apart}."


def _memory_table(found: Retention) -> Table:
    ratio = words.metric(found.metric).ratio
    label = words.metric(found.metric).label
    made = found.counterfactuals
    rows: list[Row] = [
        (f"{label}, training documents", estimate_cell(found.train, ratio=ratio)),
        (f"{label}, test documents", estimate_cell(found.test, ratio=ratio)),
        ("Better on training documents by", difference_cell(found.gap, ratio=ratio)),
        ("Changed documents whose field follows", estimate_cell(made.follows)),
        ("Changed documents whose field keeps the training value", estimate_cell(made.kept_old)),
        ("Other fields that stay as they were", estimate_cell(made.others_stay)),
        ("Test answers with a value of a single training label", estimate_cell(found.canaries.rate)),
    ]
    return Table("Memorisation", ("Figure", "Value"), rows, (1,))


def _similarity_table(found: Retention) -> Table:
    ratio = words.metric(found.metric).ratio
    rows: list[Row] = [
        (f"{band.low:.2f} to {band.high:.2f}", estimate_cell(band.quality, ratio=ratio))
        for band in found.by_similarity
    ]
    columns = ("Cosine with the nearest training document", words.metric(found.metric).label)
    return Table("By similarity to training", columns, rows, (1,))


def _probe_table(found: Retention) -> Table:
    rows: list[Row] = [
        (
            one.probe,
            estimate_cell(one.base),
            estimate_cell(one.tuned),
            Cell("–", detail=one.difference.note)
            if _absent(one.difference)
            else difference_cell(one.difference),
            Cell("this probe cannot detect a loss" if one.outcome == "cannot detect" else one.outcome),
        )
        for one in found.probes
    ]
    columns = ("Skill", "Base", "Tuned", "Tuned minus base", "Outcome")
    return Table("Skills beside the task", columns, rows, (1, 2, 3))


def _absent(estimate: Estimate) -> bool:
    return estimate.value is None


def _drift_table(found: Retention) -> Table:
    rows: list[Row] = [
        (
            PROMPTS[one.prompts],
            estimate_cell(one.nats, ratio=False),
            estimate_cell(one.p99, ratio=False),
            estimate_cell(one.same_first),
            Cell(one.band),
        )
        for one in found.drift
    ]
    columns = ("Along the base's answers to", "KL, nats a token", "p99", "Same first token", "Band")
    return Table("Drift from the base model", columns, rows, (1, 2, 3))
