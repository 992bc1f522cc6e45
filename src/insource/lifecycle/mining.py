"""Which documents of live traffic failed the champion, or are new to it: signals for what to label next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from insource.decision.sufficiency.labelling import Ranked
from insource.evaluation.comparison.difficulty import nearest_distance
from insource.types.deployment import Audit
from insource.types.sufficiency import Signal

NEW = 0.5
"""Distance to the nearest training document (1 − cosine) from which a document counts as new."""


class Served(NamedTuple):
    """What the champion made of a document: its confidence, None where it stated none, and the reason."""

    confidence: float | None
    reason: str


def live_signals(
    documents: Mapping[str, str],
    served: Mapping[str, Served],
    audits: Sequence[Audit],
    train: Sequence[str],
) -> dict[Signal, Ranked]:
    """Return the signals of the documents of live traffic, by row id.

    A row is named after its call. ``failure``: an audit found the local answer wrong, by the share of wrong
    fields; a ``uncertainty`` is 1 minus the confidence of what was handed to the cloud; ``novelty`` is the
    distance to the nearest training document.

    Args:
        documents: the text of each row.
        served: what was made of it, where the log knows.
        audits: of the champion.
        train: the texts that the champion was trained on.
    """
    return {
        "failure": _failures(documents, audits),
        "uncertainty": _unsure(documents, served),
        "novelty": _new(documents, train),
    }


def _failures(documents: Mapping[str, str], audits: Sequence[Audit]) -> Ranked:
    found: Ranked = {}
    for audit in audits:
        if not audit.wrong or audit.call_id not in documents:
            continue
        share = audit.wrong_fields / audit.fields if audit.fields else 1.0
        of = f" in {audit.wrong_fields} of {audit.fields} fields" if audit.fields else ""
        found[audit.call_id] = (share, f"The cloud answered otherwise{of} on {audit.at:%Y-%m-%d}.")
    return found


def _unsure(documents: Mapping[str, str], served: Mapping[str, Served]) -> Ranked:
    return {
        row: (1 - one.confidence, f"The model was not sure enough: {one.confidence:.2f} ({one.reason}).")
        for row, one in served.items()
        if row in documents and one.confidence is not None
    }


def _new(documents: Mapping[str, str], train: Sequence[str]) -> Ranked:
    if not documents or not train:
        return {}
    distances = nearest_distance(list(documents.values()), train).tolist()
    return {
        row: (distance, f"No training document is near it: {distance:.2f} (1 − cosine).")
        for row, distance in zip(documents, distances, strict=True)
        if distance >= NEW
    }
