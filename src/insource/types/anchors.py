"""Anchors: documents whose answers people gave, asked again and again to see whether the cloud moved."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from insource.types.base import Frozen
from insource.types.dataset import Example
from insource.types.estimate import Estimate

Cause = Literal["none", "local", "cloud", "open"]
"""What moved: nothing that the audits show, the local model, the cloud, or it is not known yet."""


def in_doubt(cause: Cause) -> bool:
    """Return whether differences from the cloud are none of the local model's, or not known to be."""
    return cause in ("cloud", "open")


class Anchor(Frozen):
    """A document, the answer that a person gave, and who that was.

    ``example`` has the document and its target in the canonical form of the task.
    """

    anchor_id: str
    task: str
    example: Example
    labelled_by: str
    added: datetime


class FirstAnswer(Frozen):
    """The first answer of a side to an anchor, with which its later answers are compared."""

    anchor_id: str
    side: Literal["cloud", "local"]
    model: str
    at: datetime
    text: str


class Attribution(Frozen):
    """What the anchors say about differences between the local model and the cloud.

    ``log_changed`` is the evidence that the cloud answers otherwise than before, ``log_same`` that it does
    not on at least 1 - ``attribution.MARGIN`` of the documents, and ``log_local`` that the local model is
    wrong, by people's labels and where the cloud is right, more often than is accepted; each suffices at
    ln 1/alpha. ``changed`` is the share of anchors whose last answer of the cloud differs from the first,
    ``right`` and ``right_before`` the shares that agreed with people in the last round and before it.
    """

    cause: Cause
    reason: str
    anchors: int
    rounds: int
    log_changed: float
    log_same: float
    log_local: float
    changed: Estimate
    right: Estimate
    right_before: Estimate
