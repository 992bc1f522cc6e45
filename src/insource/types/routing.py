"""The routing policy of a cascade: which local answers are served, what is promised of them, and to whom."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from insource.types.base import Frozen
from insource.types.estimate import Estimate

Loss = Literal["documents", "fields", "invented", "weighted", "cloud"]
"""What a bound counts: wrong documents, wrong fields, invented values among those answered, wrong fields by
their weight, or documents that are wrong here and right in the cloud."""

Unit = Literal["documents", "groups"]
"""What a guarantee is about: documents of the calibration split's groups, or the mean over new groups."""

SCHEMA_VERSION = 3


class NewGroups(Frozen):
    """What is known of groups that training never saw, such as new layouts or suppliers.

    ``groups`` of which something is served were kept from training, in the ``splits`` named. ``loss`` is the
    mean over them of the share that is wrong, ``lowest`` and ``highest`` its range: an estimate, for which a
    group never helped to set its own threshold. ``guarantee`` is ``held`` where groups were the unit of the
    bound. ``more`` is how many further groups without an error would support one, 0 where enough are there.
    """

    guarantee: Literal["held", "withheld"]
    groups: int
    loss: Estimate
    lowest: float | None = None
    highest: float | None = None
    more: int
    splits: tuple[str, ...] = ()
    reason: str


class FrontierPoint(Frozen):
    """What one bound allows on the calibration split.

    ``share`` of its documents, and ``fields`` of what is counted, are at or above ``threshold``: promised if
    the bound was fixed before the split was looked at. The ``corrected`` ones hold for all points together,
    so that one may be picked from them. A threshold of None serves nothing.
    """

    max_error: float
    threshold: float | None
    share: float
    fields: float
    corrected_threshold: float | None
    corrected_share: float


class Feasible(Frozen):
    """A loss and a level that the calibration split does support, and the share of its documents served then.

    Both were picked after looking, so they are no guarantee until fresh documents support them.
    """

    loss: Loss
    max_error: float
    share: float


class Policy(Frozen):
    """Serve the local answer when its confidence is at least ``threshold``; otherwise ask the cloud.

    ``basis``: a ``guaranteed`` threshold comes from Learn-then-Test on the calibration split and keeps the
    share that ``loss`` names at or below ``max_error`` among the answers served locally, with probability
    ``1 - delta``; a ``median`` threshold has no guarantee; ``infeasible`` sends every call to the cloud.
    ``unit`` is what the guarantee is about. ``calibrated_groups`` are the digests (``group_digest``) of the
    calibration documents' groups, which a guarantee on documents covers; empty where those have none.
    ``new_groups`` says what is known of others; None where documents have no groups. ``weights`` are those of
    the loss ``weighted``.

    ``choices`` is 1 where the bound was fixed before these documents were looked at. Otherwise it is the
    number of bounds that could have been picked, and the tests were made at ``delta / choices``. Without a
    guarantee, ``feasible`` has the strictest bound of each loss that these documents would support.

    ``measure`` is what the threshold was found for: the confidence by the ``tokens`` of an answer, or the
    probability of its label among all ``labels``. For models that state their own confidence it says nothing.

    Version 1 had no ``loss`` and bounded documents; version 2 had no groups and no frontier. Both are
    upgraded as they are read.
    """

    schema_version: int = SCHEMA_VERSION
    loss: Loss = "documents"
    unit: Unit = "documents"
    weights: dict[str, float] = {}
    threshold: float | None
    measure: Literal["tokens", "labels"] = "tokens"
    basis: Literal["guaranteed", "median", "infeasible"]
    max_error: float
    delta: float
    choices: int = 1
    calibration_n: int
    expected_local_share: float
    calibrated_groups: tuple[str, ...] = ()
    new_groups: NewGroups | None = None
    frontier: tuple[FrontierPoint, ...] = ()
    feasible: tuple[Feasible, ...] = ()
    reason: str

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, data: Any) -> Any:
        """Read a policy of an earlier version; refuse one of a version not known here."""
        if not isinstance(data, dict):
            return data
        version = data.get("schema_version", SCHEMA_VERSION)
        later = _SINCE_3 if version in (1, 2) else frozenset()
        later |= {"loss"} if version == 1 else set()
        if stated := sorted(later & data.keys()):
            raise ValueError(f"a policy of version {version} states no {', '.join(stated)}")
        if version in (1, 2):
            return {"loss": "documents", **data, "schema_version": SCHEMA_VERSION}
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"the policy has version {version}, and this Insource reads 1 to {SCHEMA_VERSION}"
            )
        return data


_SINCE_3 = frozenset(
    {"unit", "weights", "choices", "calibrated_groups", "new_groups", "frontier", "feasible"}
)


class ServedShare(Frozen):
    """What a policy did on documents of the test split, which neither trained nor calibrated.

    ``name`` says which: all of them, those of known groups, or those of new ones. ``by expected gain`` is
    what another router would have done on all of them, which hands over as many before any model answers
    (``routing/gain.py``). ``share`` of the ``documents`` and ``fields`` of the fields were served here;
    ``loss`` is the share of those that is wrong, in the sense of the policy's loss. ``quality`` is the share
    of documents that end right, the cloud's included; ``cost_per_1000_usd`` what 1,000 of them cost. Both are
    None without a cloud.
    """

    name: Literal["all", "known groups", "new groups", "by expected gain"]
    documents: int
    groups: int | None = None
    share: Estimate
    fields: Estimate
    loss: Estimate
    quality: Estimate | None = None
    cost_per_1000_usd: float | None = None
