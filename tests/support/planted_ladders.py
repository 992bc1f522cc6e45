"""Ladders with planted qualities: arms whose answers are right or wrong as a test says, really compared."""

from support.judged import label_records

from insource.config.decision import DecisionSection
from insource.decision.advice.decide import Made, decide_task
from insource.decision.advice.facts import Facts, Ladder, LadderArm
from insource.decision.economics.measured_arm import measured_arm
from insource.evaluation.compare import Terms, compared
from insource.evaluation.comparison.family import compare_family
from insource.evaluation.metrics import summarise
from insource.foundation.rng import generator
from insource.types import Arm, Completion

TERMS = Terms("accuracy", 0.02)
MADE = Made(insource_version="test", decided_at="2026-11-28T00:00:00Z", machine="a test")


def cloud_arm(name="gpt", usd=8.0, **more):
    known = {
        "model": name,
        "kind": "cloud",
        "role": "reference",
        "cost_per_1000_usd": usd,
        "cost_basis": "made",
    }
    return Arm(name=name, **(known | more))


def own_arm(name="tuned", kind="tuned", **more):
    return Arm(name=name, model=name, kind=kind, role="candidate", local=True, **more)


def hosted_arm(name="mini asked", usd=0.5, kind="other cloud"):
    return Arm(name=name, model=name, kind=kind, role="candidate", cost_per_1000_usd=usd, cost_basis="made")


def answers(accuracy, n=400, seconds=0.02, seed="", shared=0.0):
    """Records of ``n`` documents, of which this share is right; the wrong ones are drawn by the seed."""
    drawn = generator(0, f"tests.planted_ladders.{seed}").random(n)
    hard = sorted(range(n), key=lambda place: drawn[place])
    wrong = set(hard[: round(n * (1 - accuracy))])
    timed = Completion(text="a", latency_s=seconds)
    return [
        one.model_copy(update={"completion": timed})
        for one in label_records([place not in wrong for place in range(n)])
    ]


def ladder(cloud, *others, chosen="tuned", kinds=None, mixes=(), not_comparable="", terms=TERMS, **more):
    """A ladder of ``(arm, records)``: the cloud first. ``chosen`` is the registered candidate."""
    kinds = kinds or {}
    every = [cloud, *others]
    sides = {arm.name: (arm, records) for arm, records in every}
    judged = compare_family(
        [(sides[chosen], side) for name, side in sides.items() if name != chosen],
        terms,
        primary=(chosen, cloud[0].name),
        not_comparable={(chosen, cloud[0].name): not_comparable} if not_comparable else {},
    )
    against = {one.baseline: one for one in judged}
    first = against[cloud[0].name]
    arms = []
    for arm, records in every:
        evaluation = summarise(arm, "test", records)
        arms.append(
            LadderArm(
                kind=kinds.get(arm.name, _KINDS.get(arm.kind, "fine-tune")),
                evaluation=evaluation,
                measured=measured_arm(evaluation, records, metric="accuracy"),
                against=None
                if arm is cloud[0]
                else first
                if arm.name == chosen
                else compared((arm, records), cloud, terms).comparison,
            )
        )
    return Ladder(
        arms=tuple(arms),
        today=cloud[0].name,
        chosen=chosen,
        judged=(first, *(one for one in judged if one is not first)),
        mixes=tuple(mixes),
        metric=terms.metric,
        train_rows=1000,
        test_rows=len(cloud[1]),
        **more,
    )


_KINDS = {
    "cloud": "cheaper tier",
    "tuned": "fine-tune",
    "classical labels": "classical",
    "other cloud": "cheaper tier",
    "decision model": "decision endpoint",
    "cloud + schema": "constrained decoding",
}


def decided(
    ladder=None, profile=None, *, task="tickets", seed=0, deeper=(), offers=(), local_only=False, **keys
):
    """The decision on these facts, with these keys of ``[decision]``."""
    facts = Facts(
        task=task, profile=profile, ladder=ladder, offers=offers, local_only=local_only, deeper=deeper
    )
    return decide_task(facts, DecisionSection(**keys), MADE, seed=seed)
