"""Whole runs of invented arms on invented documents, measured by the real functions, for a report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

import numpy as np
from support.example_results import example_result

from insource.evaluation.compare import Terms, compared
from insource.evaluation.comparison.break_point import break_point
from insource.evaluation.comparison.difficulty import Difficulty
from insource.evaluation.comparison.family import compare_family
from insource.evaluation.comparison.mix import expected_unseen
from insource.evaluation.comparison.slices import compare_slices, document_slices
from insource.evaluation.error_mix.mix import error_mix
from insource.evaluation.gold.ceiling import adjudicated_accuracy, label_accuracy
from insource.evaluation.gold.source import gold_source
from insource.evaluation.handicaps.case import Case
from insource.evaluation.handicaps.suite import find_handicaps, weigh
from insource.evaluation.measures.grounding import grounding
from insource.evaluation.metrics import summarise
from insource.evaluation.never_answered import fields_of_labels
from insource.evaluation.registration import register, standing
from insource.evaluation.scorers import build_scorer, empty_scores
from insource.foundation.canonical import dumps
from insource.foundation.rng import generator
from insource.types import (
    Arm,
    Completion,
    Disagreement,
    Estimate,
    EvalRecord,
    Evaluation,
    Example,
    JsonSchema,
    Labels,
    Provenance,
    RunResult,
    Task,
)
from insource.types.ceiling import NoiseCeiling
from insource.types.choice import Choice, Trial
from insource.types.evaluation import Effort

REGISTERED = datetime(2026, 4, 12, 10, 20, tzinfo=UTC)


class Planned(NamedTuple):
    """An arm, how often it is wrong on an easy document, and how much more on the hardest.

    ``instead`` has what it says where it means some labels, always.
    """

    arm: Arm
    error: float
    slope: float = 0.0
    instead: Mapping[str, str] = {}


def arm(name: str, kind: str, role: str, cost: float | None, **more: object) -> Arm:
    basis = "amortised machine" if cost is not None else "no price in the catalogue"
    given = {"model": f"made/{name}", "cost_basis": basis, "local": role != "reference"} | more
    return Arm.model_validate({"name": name, "kind": kind, "role": role, "cost_per_1000_usd": cost} | given)


Wrong = Callable[[Example, np.random.Generator], str]


def measured(
    task: Task, test: list[Example], planned: list[Planned], wrong: Wrong, *, chosen: str, first: str
) -> RunResult:
    """Answer, score, compare and dissect as a run does. ``first`` is the arm of the primary comparison."""
    score, hardness = build_scorer(task), _hardness(test)
    sides = {}
    for plan in planned:
        draws = generator(5, f"answers of {plan.arm.name}")
        records = []
        for example in test:
            bad = draws.random() < plan.error + plan.slope * hardness[example.row_id]
            meant = wrong(example, draws) if bad else example.target
            text = plan.instead.get(meant, meant)
            said = Completion(text=text, latency_s=0.02 + 0.01 * draws.random())
            records.append(
                EvalRecord(
                    row_id=example.row_id, group=example.group, status="scored", completion=said,
                    group_seen=example.group is not None and example.group < "layout-4",
                    score=score(example, said),
                )
            )  # fmt: skip
        sides[plan.arm.name] = (plan.arm, tuple(records))
    return _assembled(task, test, sides, chosen, first)


def _hardness(test: list[Example]) -> dict[str, float]:
    longest = max(len(example.input) for example in test)
    return {example.row_id: len(example.input) / longest for example in test}


def _assembled(task, test, sides, chosen: str, first: str) -> RunResult:
    examples = {example.row_id: example for example in test}
    terms = Terms(
        task.primary_metric, task.margin, label_fields=fields_of_labels(task.output),
        unseen_share=expected_unseen([example.group for example in test]),
    )  # fmt: skip
    fairness = {
        name: _fairness(task, examples, sides, name, chosen, terms)
        for name, (one, _) in sides.items()
        if one.role == "reference" and not one.simulated
    }
    names = sorted((name for name in sides if name != chosen), key=lambda name: name != first)
    comparisons = compare_family(
        [(sides[chosen], sides[name]) for name in names],
        terms,
        primary=(chosen, first),
        not_comparable={(chosen, name): one.reason for name, one in fairness.items() if one.reason},
    )
    registration = register(
        chosen, first, metric=task.primary_metric, margin=task.margin, test_digest="0" * 64, chosen={}
    ).model_copy(update={"registered_at": REGISTERED})
    evaluations = tuple(_evaluation(task, test, *side) for side in sides.values())
    pair, hardness = (sides[chosen], sides[first]), _hardness(test)
    length = Difficulty("length", "characters", {e.row_id: float(len(e.input)) for e in test})
    distance = Difficulty("distance to training", "1 − cosine", {r: 1 - h for r, h in hardness.items()})
    slices = document_slices(test, sides[chosen][1], [length, distance])
    metric = task.primary_metric
    return example_result(
        evaluations=evaluations,
        comparisons=tuple(
            one.model_copy(update={"standing": standing(one, registration, [], "0" * 64)})
            for one in comparisons
        ),
        registration=registration,
        choice=_choice(task, evaluations, chosen, first),
        fairness={name: one for name, one in fairness.items() if one.handicaps},
        error_mixes=tuple(error_mix(task, examples, *sides[name]) for name in (chosen, first)),
        slices=compare_slices(*pair, slices, metric=metric),
        added=compare_slices(sides["tuned"], sides["crf"], slices, metric=metric)
        if {"tuned", "crf"} <= sides.keys()
        else None,
        break_points=tuple(
            break_point(*pair, one, metric=metric, margin=task.margin) for one in (length, distance)
        ),
        gold=gold_source(test),
        dataset=example_result().dataset.model_copy(update={"output": task.output, "name": task.name}),
        task=task.name,
        disagreements=_disagreements(examples, sides, chosen),
        routing=None,
    )


def _fairness(task, examples, sides, cloud: str, candidate: str, terms: Terms):
    one, records = sides[cloud]
    mine = sides[candidate]
    case = Case(task=task, arm=one, examples=examples, records=records, score=build_scorer(task), others=())

    def again(ours, theirs):
        return compared((mine[0], ours), (one, theirs), terms).comparison

    return weigh(again(mine[1], records), find_handicaps(case), mine[1], records, again)


def _evaluation(task: Task, test: list[Example], one: Arm, records: tuple[EvalRecord, ...]) -> Evaluation:
    found = summarise(
        one, "test", records, all_null=empty_scores(task, test), out_of_scope_label=task.out_of_scope
    )
    grounded = grounding(task, test, records)
    effort = Effort(validation_evaluations=12, settings={"examples": "8", "decoding": "constrained"})
    added = {"metrics": found.metrics | grounded.metrics, "grounding": grounded.fields}
    added |= {"effort": effort} if one.role == "candidate" else {}
    return found.model_copy(update=added)


def _choice(task: Task, evaluations: tuple[Evaluation, ...], chosen: str, first: str) -> Choice:
    metric = task.primary_metric
    trials = tuple(
        Trial(
            arm=e.arm.name, kind=e.arm.kind, role=e.arm.role, value=e.metrics[metric], effort=e.effort,
            cost_per_1000_usd=e.arm.cost_per_1000_usd,
        )
        for e in evaluations
    )  # fmt: skip
    reason = f"Candidate: {chosen}, the cheapest within the margin of the best."
    return Choice(
        candidate=chosen, baseline=first, metric=metric, margin=task.margin, trials=trials, reason=reason
    )


def _disagreements(examples: Mapping[str, Example], sides, chosen: str) -> tuple[Disagreement, ...]:
    wrong = [r for r in sides[chosen][1] if r.score is not None and not r.score.exact][:6]
    answers = {name: {r.row_id: r.completion.text for r in records} for name, (_, records) in sides.items()}
    return tuple(
        Disagreement(
            row_id=r.row_id,
            input=examples[r.row_id].input,
            target=examples[r.row_id].target,
            answers={name: texts[r.row_id] for name, texts in answers.items()},
            explanation=r.score.explanation if r.score else "",
        )
        for r in wrong
    )


SCHEMA = {
    "type": "object",
    "properties": {
        name: {"type": ["string", "null"]}
        for name in ("model_number", "power_requirements_voltage", "phase", "enclosure", "warranty")
    }
    | {"weight_kg": {"type": ["number", "null"]}},
}
WORDS = ("steel", "compact", "outdoor", "modular", "sealed", "panel", "relay", "supply", "spare", "fieldbus")


def specifications(n: int) -> list[Example]:
    """Documents with six fields, in eight layouts; the harder ones are longer."""
    rng = generator(3, "specifications")
    found = []
    for number in range(n):
        gold = {
            "model_number": f"XR-{rng.integers(100, 999)}",
            "power_requirements_voltage": f"{rng.choice((24, 230, 400, 480))} V",
            "phase": str(rng.choice(("single-phase", "three-phase"))),
            "enclosure": None if rng.random() < 0.4 else f"IP{rng.choice((20, 54, 65))}",
            "warranty": None if rng.random() < 0.5 else f"{rng.integers(1, 6)} years",
            "weight_kg": float(rng.integers(20, 900)) / 10,
        }
        filler = " ".join(rng.choice(WORDS, size=int(rng.integers(5, 120))))
        body = "\n".join(f"{key}: {value}" for key, value in gold.items() if value is not None)
        found.append(_example(number, f"{body}\n{filler}", dumps(gold), f"layout-{number % 8}"))
    return found


def _example(number: int, text: str, target: str, group: str, **origin: str) -> Example:
    provenance = Provenance.model_validate({"source": "made", "line": number} | origin)
    return Example(
        row_id=f"doc-{number:04}", digest=f"{number:064}", input=text, target=target, group=group,
        provenance=provenance,
    )  # fmt: skip


def misread(example: Example, rng: np.random.Generator) -> str:
    """The target with one to three faults: left out, invented, of another field, or no JSON at all."""
    if rng.random() < 0.08:
        return f"Here is the JSON: {example.target[:30]}"
    answer = json.loads(example.target)
    for name in rng.choice(list(answer), size=int(rng.integers(1, 4)), replace=False):
        if answer[name] is None:
            answer[name] = "IP67"
        else:
            other = 7.5 if name == "weight_kg" else str(answer["model_number"])
            answer[name] = None if rng.random() < 0.5 else other
    return dumps(answer)


@cache
def demo_run(n: int = 240) -> RunResult:
    """A run like the demo's: six fields, many local rungs, and a simulated cloud."""
    output = JsonSchema(definition=SCHEMA)
    task = Task(name="equipment", instruction="Extract the fields.", output=output)
    planned = [
        Planned(arm("cloud", "simulated", "reference", 30.0, simulated=True, assumed_latency_s=1.2), 0.16),
        Planned(arm("floor", "majority", "baseline", 0.0), 1.0),
        Planned(arm("spans", "learned spans", "candidate", 0.02), 0.02, 0.3),
        Planned(arm("crf", "tagger", "candidate", 0.015), 0.2, 0.4),
        Planned(arm("zero-shot", "prompted", "candidate", 1.31), 0.8, 0.2),
        Planned(arm("few-shot + schema", "prompted", "candidate", 1.9, constrained=True), 0.6, 0.2),
        Planned(arm("retrieved + schema", "prompted", "candidate", 2.2, constrained=True), 0.4, 0.2),
        Planned(arm("optimised prompt", "prompted", "candidate", 2.4), 0.5, 0.2),
        Planned(arm("tuned", "tuned", "candidate", 0.52), 0.3, 0.3),
        Planned(arm("hybrid", "hybrid", "candidate", 0.52), 0.1, 0.2),
        Planned(arm("larger base", "prompted", "candidate", None), 0.35, 0.2),
    ]  # fmt: skip
    found = measured(task, specifications(n), planned, misread, chosen="spans", first="cloud")
    return found.model_copy(
        update={"skipped_arms": {"rag": "no folder of documents is configured ([rag] folder)"}}
    )


TOPICS = (
    *("billing", "card lost", "card blocked", "transfer", "exchange rate", "top up", "fees", "refund"),
    *("identity check", "pin", "limits", "cash withdrawal", "closing", "address", "statement"),
    *("direct debit", "mortgage", "savings", "insurance", "travel notice", "fraud", "app login"),
)


def queries(n: int, **origin: str) -> list[Example]:
    """Short questions of 22 topics, in ten groups."""
    rng = generator(4, "queries")
    found = []
    for number in range(n):
        topic = TOPICS[int(rng.integers(len(TOPICS)) * rng.random())]
        filler = " ".join(rng.choice(WORDS, size=int(rng.integers(3, 40))))
        found.append(
            _example(number, f"A question about {topic}: {filler}", topic, f"layout-{number % 10}", **origin)
        )
    return found


def another_topic(example: Example, rng: np.random.Generator) -> str:
    """A neighbouring topic: confusions have a pattern."""
    return TOPICS[(TOPICS.index(example.target) + int(rng.integers(1, 3))) % len(TOPICS)]


LABEL_TASK = Task(
    name="queries",
    instruction="Choose the topic.",
    output=Labels(names=TOPICS),
    primary_metric="accuracy",
    out_of_scope="app login",
)
RUNGS = [
    Planned(arm("floor", "majority", "baseline", 0.0), 0.85),
    Planned(arm("tf-idf", "linear", "candidate", 0.0004), 0.14, 0.1),
    Planned(arm("embeddings", "linear", "candidate", 0.002), 0.06, 0.05),
    Planned(arm("tuned", "tuned", "candidate", 0.4), 0.15, 0.1),
    Planned(arm("zero-shot", "prompted", "candidate", 0.9), 0.5, 0.1),
]


@cache
def labels_run(n: int = 300) -> RunResult:
    """A run of a label task against a cloud that does slightly worse, with labels that two people gave."""
    cloud = Planned(arm("gpt-4o-mini", "cloud", "reference", 0.19), 0.08)
    found = measured(
        LABEL_TASK, queries(n), [cloud, *RUNGS], another_topic, chosen="embeddings", first="gpt-4o-mini"
    )
    agreed = Estimate(value=0.92, low=0.86, high=0.96, n=100, method="Wilson")
    ceiling = NoiseCeiling(
        documents=100, agreed=agreed, ceiling=label_accuracy(agreed), confirmed=agreed,
        adjudicated=adjudicated_accuracy(agreed), sentence="Two people agree on 92.0 % of 100 documents.",
    )  # fmt: skip
    return found.model_copy(update={"ceiling": ceiling, "training": None, "parity": None})


@cache
def unfair_run(n: int = 300) -> RunResult:
    """A run against two real clouds. One was never offered three labels, one spells two in its own way."""
    never = dict.fromkeys(("billing", "card lost", "fees"), "transfer")
    spelled = {"card blocked": "Card-Blocked", "transfer": "TRANSFER."}
    clouds = [
        Planned(arm("gpt-4o", "cloud", "reference", 2.4), 0.04, instead=never),
        Planned(arm("claude-haiku", "cloud", "reference", None), 0.07, instead=spelled),
    ]
    found = measured(
        LABEL_TASK, queries(n), [*clouds, *RUNGS], another_topic, chosen="tf-idf", first="gpt-4o"
    )
    return found.model_copy(update={"training": None, "parity": None})


@cache
def agreement_run(n: int = 120) -> RunResult:
    """A run on labels that a cloud gave and nobody checked."""
    cloud = Planned(arm("gpt-4o-mini", "cloud", "reference", 0.19), 0.08)
    test = queries(n, label="teacher", provider="openai", model="gpt-4o")
    found = measured(
        LABEL_TASK, test, [cloud, *RUNGS[:3]], another_topic, chosen="embeddings", first="gpt-4o-mini"
    )
    return found.model_copy(update={"training": None, "parity": None})
