"""Compare the chosen candidate with every other arm, fairly: what the clouds lacked is looked for first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from insource.dataset.review.decisions import read_reviews
from insource.evaluation.compare import Terms, compared
from insource.evaluation.comparison.family import compare_family
from insource.evaluation.comparison.mix import expected_unseen
from insource.evaluation.comparison.pairs import Side, gain_sign
from insource.evaluation.error_mix.mix import error_mix
from insource.evaluation.gold.ceiling import noise_ceiling
from insource.evaluation.gold.source import gold_source
from insource.evaluation.handicaps.case import Case, Records
from insource.evaluation.handicaps.suite import find_handicaps, weigh
from insource.evaluation.never_answered import fields_of_labels
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Evaluated
from insource.types import Comparison, Dataset, Example, Fairness, Task
from insource.types.ceiling import NoiseCeiling
from insource.types.choice import Choice
from insource.types.comparison import Registration
from insource.types.error_mix import ErrorMix
from insource.types.gold import GoldSource
from insource.workflow.evaluate import surface_forms
from insource.workflow.register import with_standing
from insource.workflow.session import Session


class Judged(NamedTuple):
    """The comparisons of the chosen arm, and what a reader has to know before believing them.

    ``fairness`` is by cloud. ``mixes`` has why the chosen arm, and the arm of the primary comparison, err.
    """

    comparisons: tuple[Comparison, ...] = ()
    fairness: dict[str, Fairness] = {}
    mixes: tuple[ErrorMix, ...] = ()
    gold: GoldSource | None = None
    ceiling: NoiseCeiling | None = None


def judge(
    session: Session,
    dataset: Dataset,
    task: Task,
    evaluated: Sequence[Evaluated],
    choice: Choice | None,
    registration: Registration | None = None,
) -> Judged:
    """Compare the chosen candidate with every other arm, paired by document.

    The primary comparison comes first; the others are corrected for their number. They follow in this order:
    the clouds, the baselines, the other candidates, simulated clouds last, and among equals the arm that the
    candidate gains least over, on the documents that both were asked. Where a cloud's handicap decides an
    outcome, the two are not comparable. Only the registered comparison can be confirmatory.
    """
    test = {example.row_id: example for example in dataset.splits["test"]}
    gold = gold_source(test.values()) if test else None
    if choice is None:
        return Judged(gold=gold)
    sides = {one.evaluation.arm.name: (one.evaluation.arm, one.records) for one in evaluated}
    terms = _terms(session, dataset, task)
    fairness = {
        name: _fairness(dataset, task, test, sides, name, choice.candidate, terms)
        for name, (arm, _) in sides.items()
        if arm.role == "reference" and not arm.simulated
    }
    found: Sequence[Comparison] = compare_family(
        [(sides[choice.candidate], side) for name, side in sides.items() if name != choice.candidate],
        terms,
        primary=(choice.candidate, choice.baseline),
        not_comparable={(choice.candidate, name): one.reason for name, one in fairness.items() if one.reason},
    )
    found = sorted(found, key=_order(sides, choice, task))
    return Judged(
        comparisons=with_standing(session, dataset.splits["test"], found, registration),
        fairness={name: one for name, one in fairness.items() if one.handicaps},
        mixes=_mixes(task, test, sides, (choice.candidate, choice.baseline)),
        gold=gold,
        ceiling=_ceiling(session, task),
    )


def _terms(session: Session, dataset: Dataset, task: Task) -> Terms:
    section = session.config.evaluation
    return Terms(
        task.primary_metric,
        task.margin,
        label_fields=fields_of_labels(task.output),
        question=section.question,
        group_test=section.group_test,
        unseen_share=expected_unseen([example.group for example in dataset.splits["train"]]),
    )


def _order(
    sides: Mapping[str, Side], choice: Choice, task: Task
) -> Callable[[Comparison], tuple[bool, bool, int, float]]:
    sign = gain_sign(task.primary_metric)
    roles = ("reference", "baseline", "candidate")

    def order(found: Comparison) -> tuple[bool, bool, int, float]:
        arm = sides[found.baseline][0]
        gain = sign * (found.difference.value or 0.0)
        return found.baseline != choice.baseline, arm.simulated, roles.index(arm.role), gain

    return order


def _fairness(
    dataset: Dataset,
    task: Task,
    test: Mapping[str, Example],
    sides: Mapping[str, Side],
    cloud: str,
    candidate: str,
    terms: Terms,
) -> Fairness:
    """Return what is unfair to one cloud, and what remains of its comparison without it."""
    (arm, records), (ours, our_records) = sides[cloud], sides[candidate]
    others = tuple(
        (one, tuple(answers))
        for name, (one, answers) in sides.items()
        if name != cloud and one.role == "reference" and not one.simulated
    )
    case = Case(
        task=task,
        arm=arm,
        examples=test,
        records=tuple(records),
        score=build_scorer(task, surface_forms(task, dataset)),
        others=others,
    )

    def again(candidates: Records, answers: Records) -> Comparison:
        return compared((ours, candidates), (arm, answers), terms).comparison

    return weigh(
        again(tuple(our_records), tuple(records)),
        find_handicaps(case),
        tuple(our_records),
        tuple(records),
        again,
    )


def _mixes(
    task: Task, test: Mapping[str, Example], sides: Mapping[str, Side], names: Sequence[str]
) -> tuple[ErrorMix, ...]:
    return tuple(
        error_mix(
            task,
            test,
            *sides[name],
            clouds=[
                answers
                for other, (arm, answers) in sides.items()
                if other != name and arm.role == "reference" and not arm.simulated
            ],
        )
        for name in names
        if name in sides
    )


def _ceiling(session: Session, task: Task) -> NoiseCeiling | None:
    """Return the ceiling of labels that two people gave, None when nobody reviewed any."""
    path = session.project.reviews_path
    return noise_ceiling(read_reviews(path), task.output) if path.exists() else None
