"""Which option of a decision each arm is."""

from __future__ import annotations

from insource.arms import cascade, tuned
from insource.arms.classical import fields, labels, tagger
from insource.arms.paid import cloud_schema, hosted_decision
from insource.arms.prompting import optimised, rag, rungs
from insource.types import Arm
from insource.types.choice import HYBRID
from insource.types.decided import OptionKind

BY_KIND: dict[str, OptionKind] = {
    "cloud": "cheaper tier",
    cloud_schema.SCHEMA_KIND: "constrained decoding",
    cloud_schema.TIER_KIND: "cheaper tier",
    hosted_decision.KIND: "decision endpoint",
    labels.KIND: "classical",
    labels.EMBEDDED_KIND: "classical",
    tagger.KIND: "classical",
    fields.KIND: "classical",
    optimised.KIND: "better prompt",
    rag.KIND: "retrieval",
    rungs.KIND: "better prompt",
    tuned.FACTORY.kind: "fine-tune",
    cascade.NAME: "cascade",
    HYBRID: "hybrid",
}
"""The option of each kind of arm; today's cloud is not asked for."""

PROMPTED = (rungs.KIND, optimised.KIND)


def option_of(arm: Arm) -> OptionKind:
    """Return the option that an arm is."""
    if arm.kind in PROMPTED and arm.name.endswith(")"):  # ``rungs.named``: not the model that is trained
        return "larger base"
    if arm.kind == rungs.KIND and arm.name.startswith(rungs.NAMES["retrieved"]):
        return "retrieved few-shot"
    return BY_KIND.get(arm.kind, "better prompt")


def skipped_options(skipped: dict[str, str]) -> dict[OptionKind, str]:
    """Return why options were not measured, from the reasons of the arms by kind or name."""
    found: dict[OptionKind, str] = {}
    for name, reason in skipped.items():
        if kind := BY_KIND.get(name):
            found.setdefault(kind, reason)
    return found
