"""Labels and answers that are copies of each other: the cloud is judged by itself, and cannot be wrong."""

from __future__ import annotations

from insource.evaluation.gold.doubt import doubtful_labels, spot_of
from insource.evaluation.gold.source import same_model, teacher_of
from insource.evaluation.handicaps.case import SHOWN, Case, Found, handicap, share
from insource.stats.distributions import binomial_cdf
from insource.stats.intervals import rule_of_three

PERFECT, PERFECT_VALUES = 0.03, 0.01
"""No error where an error rate of this, of documents or of values, would have shown one: so good that a copy
has to be excluded."""
DOUBTFUL = 8
"""So many doubtful labels are needed to tell a copy from a good answer."""
CHANCE = 1e-3


def find(case: Case) -> Found | None:
    """Find labels that are this cloud's own answers.

    Three kinds of evidence, the first that holds: the row says that this model labelled it; the cloud
    repeats labels that other evidence speaks against at least as often as labels that nothing speaks
    against, where a fair cloud would fail on them; it is never wrong on so many documents that a copy
    has to be excluded. The last alone decides nothing.

    Copies on a part of the documents, with labels that look right, leave no trace but a higher accuracy:
    only the row's own provenance shows them.
    """
    own = frozenset(
        example.row_id for example, _ in case.documents() if same_model(teacher_of(example), case.arm.model)
    )
    if own:
        return _labelled_by_itself(case, own)
    return _repeats_doubtful(case) or _never_wrong(case)


def _labelled_by_itself(case: Case, own: frozenset[str]) -> Found:
    return Found(
        handicap(
            case,
            "copied-labels",
            len(own),
            f"The labels of {share(len(own), case.size)} are answers of {case.arm.name} itself, checked by "
            "nobody: against these it cannot be wrong, and nothing can be better.",
            evidence=tuple(sorted(own)[:SHOWN]),
            next_step="Have people check the labels, first where the two disagree: insource dataset review",
        ),
        left_out=own,
        of_labels=True,
    )


def _repeats_doubtful(case: Case) -> Found | None:
    doubts = doubtful_labels(case.task, case.examples, case.records, [records for _, records in case.others])
    doubtful, plain, rows = [0, 0], [0, 0], []
    for _, record in case.documents():
        for slot in record.score.slots if record.score else ():
            if slot.gold is None:
                continue
            counts = doubtful if spot_of(record.row_id, slot.path, slot.gold) in doubts else plain
            counts[0] += slot.bucket == "correct"
            counts[1] += 1
            if counts is doubtful and slot.bucket == "correct":
                rows.append(f"{record.row_id}: {slot.path} “{str(slot.gold)[:60]}”")
    if doubtful[1] < DOUBTFUL or not plain[1] or not _improbable(doubtful, plain[0] / plain[1]):
        return None
    return Found(
        handicap(
            case,
            "copied-labels",
            case.size,
            f"{case.arm.name} repeats {doubtful[0]:,} of {doubtful[1]:,} labels that other evidence speaks "
            "against, no fewer than of the other labels: labels and answers look like copies of each other.",
            evidence=tuple(rows[:SHOWN]),
            next_step="Find out where the labels came from, and say it in the rows (`provenance`); "
            "have a sample labelled again without the cloud's answers.",
        ),
        left_out=frozenset(record.row_id for _, record in case.documents()),
    )


def _improbable(doubtful: list[int], rate: float) -> bool:
    """Return whether a cloud that fails on half of the doubtful labels would hardly repeat so many.

    It also has to repeat no smaller a share of them than of all others: what is only hard is repeated less.
    """
    share_repeated = doubtful[0] / doubtful[1]
    by_chance = 1.0 - binomial_cdf(doubtful[0] - 1, doubtful[1], 0.5)
    return share_repeated >= rate and by_chance < CHANCE


def _never_wrong(case: Case) -> Found | None:
    filled = right = 0
    for _, record in case.documents():
        if record.score is None or not record.score.exact:
            return None
        filled += sum(slot.gold is not None for slot in record.score.slots)
        right += 1
    if not right or (rule_of_three(right) > PERFECT and rule_of_three(filled) > PERFECT_VALUES):
        return None
    return Found(
        handicap(
            case,
            "copied-labels",
            right,
            f"{case.arm.name} is right on all {right:,} documents and {filled:,} values: either the task is "
            "easy, or labels and answers are copies of each other.",
            next_step="Make sure that the labels were not made from the answers of this model.",
            certain=False,
        )
    )
