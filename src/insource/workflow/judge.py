"""Compare the chosen candidate with every other arm, fairly: what the clouds lacked is looked for first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from insource.dataset.review.decisions import read_reviews
from insource.evaluation.compare import Terms, compared
from insource.evaluation.comparison.equal_terms import values_of
from insource.evaluation.comparison.family import compare_family
from insource.evaluation.comparison.mix import expected_unseen
from insource.evaluation.comparison.pairs import Side, gain_sign
from insource.evaluation.error_mix.mix import error_mix
from insource.evaluation.gold.ceiling import noise_ceiling
from insource.evaluation.gold.source import gold_source, same_model, titled, unfounded_win
from insource.evaluation.handicaps.case import Case, Found, Records
from insource.evaluation.handicaps.suite import find_handicaps, weigh
from insource.evaluation.never_answered import fields_of_labels
from insource.evaluation.scorers import build_scorer, training_forms
from insource.evaluation.stage import Evaluated
from insource.types import Arm, Comparison, Dataset, Example, Fairness, Task
from insource.types.ceiling import NoiseCeiling
from insource.types.choice import Choice
from insource.types.comparison import Registration
from insource.types.error_mix import ErrorMix
from insource.types.gold import GoldSource
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
    candidate gains least over, on the documents that both were asked. An arm without one is left out. Where a
    cloud's handicap decides an outcome, the two are not comparable; neither are they where the candidate wins
    by labels that nobody checked. Only the registered comparison can be confirmatory.
    """
    test = {example.row_id: example for example in dataset.splits["test"]}
    gold = gold_source(test.values()) if test else None
    if choice is None:
        return Judged(gold=gold)
    sides = {one.evaluation.arm.name: (one.evaluation.arm, one.records) for one in evaluated}
    if choice.candidate not in sides:  # bought on validation, and no money was left for the test split
        session.skip(choice.candidate, "chosen, but it answered no test document")
        return Judged(gold=gold, ceiling=_ceiling(session, task))
    ours = sides[choice.candidate]
    terms = terms_of(session, dataset, task, gold)
    others = {name: sides[name] for name in _in_common(session, sides, choice.candidate, terms.metric)}
    cases = {
        name: _case(dataset, task, test, sides, name)
        for name, (arm, _) in others.items()
        if arm.role == "reference" and not arm.simulated
    }
    handicaps = {name: find_handicaps(case) for name, case in cases.items()}
    fairness = {name: _fairness(case, handicaps[name], ours, terms) for name, case in cases.items()}
    found: Sequence[Comparison] = compare_family(
        [(ours, side) for side in others.values()],
        terms,
        primary=(choice.candidate, choice.baseline),
        not_comparable={(choice.candidate, name): one.reason for name, one in fairness.items() if one.reason},
    )
    found = sorted(found, key=_order(sides, choice, task))
    return Judged(
        comparisons=with_standing(session, dataset.splits["test"], found, registration),
        fairness={name: one for name, one in fairness.items() if one.handicaps},
        mixes=_mixes(task, test, sides, (choice.candidate, choice.baseline), handicaps),
        gold=gold,
        ceiling=_ceiling(session, task),
    )


def terms_of(session: Session, dataset: Dataset, task: Task, gold: GoldSource | None) -> Terms:
    """Return what is compared and how, as the configuration and the dataset say."""
    section = session.config.evaluation
    return Terms(
        task.primary_metric,
        task.margin,
        label_fields=fields_of_labels(task.output),
        question=section.question,
        group_test=section.group_test,
        unseen_share=expected_unseen([example.group for example in dataset.splits["train"]]),
        called=titled(task.primary_metric, gold) if gold else "",
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


def _in_common(session: Session, sides: Mapping[str, Side], candidate: str, metric: str) -> list[str]:
    """Return the other arms that were asked about a document of the candidate's; say which were not."""
    ours = values_of(sides[candidate][1], metric)
    others = [name for name in sides if name != candidate]
    common = [name for name in others if ours.keys() & values_of(sides[name][1], metric).keys()]
    for name in set(others) - set(common):
        session.skip(name, f"not compared: it was asked about no document that {candidate} was asked about")
    return common


def _case(
    dataset: Dataset, task: Task, test: Mapping[str, Example], sides: Mapping[str, Side], cloud: str
) -> Case:
    arm, records = sides[cloud]
    return Case(
        task=task,
        arm=arm,
        examples=test,
        records=tuple(records),
        score=build_scorer(task, training_forms(task, dataset.splits["train"])),
        others=tuple((one, tuple(answers)) for one, answers in _other_clouds(sides, arm)),
    )


def fairness_of(dataset: Dataset, task: Task, cloud: Side, candidate: Side, terms: Terms) -> Fairness:
    """Return what is unfair to a cloud in its comparison with a candidate, and whether the outcome stands."""
    test = {example.row_id: example for example in dataset.splits["test"]}
    case = _case(dataset, task, test, {cloud[0].name: cloud}, cloud[0].name)
    return _fairness(case, find_handicaps(case), candidate, terms)


def _other_clouds(sides: Mapping[str, Side], than: Arm) -> list[Side]:
    """Return the real clouds of other models, one a model: runs of one model share their mistakes."""
    found: list[Side] = []
    for arm, records in sides.values():
        known = any(same_model(arm.model, one.model) for one in (than, *(one for one, _ in found)))
        if arm.role == "reference" and not arm.simulated and not known:
            found.append((arm, records))
    return found


def _fairness(case: Case, handicaps: Sequence[Found], candidate: Side, terms: Terms) -> Fairness:
    """Return what is unfair to one cloud, and what remains of its comparison without it."""
    ours, our_records = candidate[0], tuple(candidate[1])

    def again(candidates: Records, answers: Records) -> Comparison:
        return compared((ours, candidates), (case.arm, answers), terms).comparison

    whole = again(our_records, case.records)
    found = weigh(whole, handicaps, our_records, case.records, again)
    if found.comparable and whole.outcome == "better":
        found = found.model_copy(update={"reason": unfounded_win(case.examples, our_records, case.records)})
    return found


def _mixes(
    task: Task,
    test: Mapping[str, Example],
    sides: Mapping[str, Side],
    names: Sequence[str],
    handicaps: Mapping[str, Sequence[Found]],
) -> tuple[ErrorMix, ...]:
    """Return why these arms err. Only a cloud's own prompt may lack labels."""
    mixes = []
    for name in names:
        if name not in sides:
            continue
        never_offered = [
            one.left_out for one in handicaps.get(name, ()) if one.handicap.kind == "missing-labels"
        ]
        mixes.append(
            error_mix(
                task,
                test,
                *sides[name],
                clouds=[records for _, records in _other_clouds(sides, sides[name][0])],
                never_offered=frozenset().union(*never_offered),
            )
        )
    return tuple(mixes)


def _ceiling(session: Session, task: Task) -> NoiseCeiling | None:
    """Return the ceiling of labels that two people gave, None when nobody reviewed any."""
    path = session.project.reviews_path
    return noise_ceiling(read_reviews(path), task.output) if path.exists() else None
