"""Answers at a temperature above 0: another run would have given others."""

from __future__ import annotations

from insource.contract.answers import read_answer
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share, shown, worth_naming
from insource.matching.assignment import canonical
from insource.stats.intervals import wilson
from insource.types import Completion, Estimate, OutputSpec, Score


def find(case: Case) -> Found | None:
    """Find answers that were sampled, and how often a repeated answer is the same.

    The comparison without it takes the first repeated answer of each document that has one: if it comes out
    otherwise, the outcome rests on which answer was drawn. Answers of an unknown temperature are not counted.
    """
    sampled, alike, repeated = 0, 0, 0
    mended: dict[str, Score] = {}
    evidence: list[str] = []
    for example, record in case.documents():
        call = case.call(example)
        if not call.temperature:
            continue
        sampled += 1
        if not call.repeats:
            continue
        repeated += 1
        texts = [case.answer(example, record), *call.repeats]
        same = len({_meaning(text, case.task.output) for text in texts}) == 1
        alike += same
        if not same and len(evidence) < SHOWN:
            evidence.append(f"{record.row_id}: “{shown(texts[0], 40)}”, then “{shown(texts[1], 40)}”")
        mended[record.row_id] = case.score(example, Completion(text=call.repeats[0]))
    if not worth_naming(sampled, case.size):
        return None
    agreement = _agreement(alike, repeated)
    known = (
        f"{alike:,} of {repeated:,} repeated answers are the same."
        if repeated
        else "No answer was asked for twice, so how much they vary is not known."
    )
    return Found(
        handicap(
            case,
            "sampled-answers",
            sampled,
            f"{case.arm.name} answered {share(sampled, case.size)} at a temperature above 0. {known}",
            agreement=agreement,
            evidence=tuple(evidence),
            next_step="Ask again at temperature 0, or three times about a sample, and compare the answers.",
        ),
        mended=mended,
    )


def _agreement(alike: int, repeated: int) -> Estimate | None:
    if not repeated:
        return None
    low, high = wilson(alike, repeated)
    return Estimate(
        value=alike / repeated,
        low=low,
        high=high,
        n=repeated,
        method="Wilson, share of documents with the same answer in every repeat",
    )


def _meaning(text: str, output: OutputSpec) -> str:
    found = read_answer(text, output)
    return canonical(found.value) if found.repairable else text.strip()
