"""Compare answers to typed questions: of each, the option that was chosen."""

from __future__ import annotations

import json

from insource.models.decisions.answers import Decided, read_decisions
from insource.types.deployment import Compared


def compare_decided(answer: str, reference: str) -> Compared | None:
    """Return in how many questions two bodies of answers differ; None where the reference leaves one open.

    Probabilities may differ while they choose the same. An expected level counts as the level next to it.
    """
    given = {one.name: one for one in read_decisions(json.loads(answer))}
    right = {one.name: one for one in read_decisions(json.loads(reference))}
    if not given or any(name not in right or right[name].value is None for name in given):
        return None
    slots = tuple(
        (name, "correct" if _chosen(one) == _chosen(right[name]) else "wrong") for name, one in given.items()
    )
    return Compared(sum(bucket == "wrong" for _, bucket in slots), len(slots), slots)


def _chosen(one: Decided) -> str | bool | int | None:
    return round(one.value) if isinstance(one.value, float) else one.value
