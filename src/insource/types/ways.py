"""The ways in which a call may be answered, and when."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from insource.types.base import Frozen

WAITS_FOR_A_PERSON = "waits-for-a-person"
"""The reason of a call whose doubtful answer was served and waits in the reviewer's queue."""

GreyZone = tuple[float, float]
"""The confidences from the first to below the second: too little to serve, too much to escalate unseen."""

FieldMode = Literal["local", "cascade", "cloud"]
"""Where a field's value comes from: always here, here where it is sure enough, always from the cloud."""


FIELDS_VERSION = 2


class FieldPolicy(Frozen):
    """Serve a local answer's sure fields, and ask the cloud for the others.

    A field, which is one property of the answer with all that is in it, is served here when its confidence,
    the least of those in it, is at least ``threshold``. ``modes`` are those of the fields that are no
    cascade. ``basis``: a ``guaranteed`` threshold keeps the share of wrong fields among those served here at
    or below ``max_error`` with probability 1 - ``delta``; with an ``infeasible`` one every field of the
    cascade is the cloud's. ``expected_share`` of the fields were served on the calibration split, and
    ``expected_doubtful`` of the documents had a field that was not; None in policies of version 1.
    """

    schema_version: int = FIELDS_VERSION
    modes: dict[str, FieldMode] = {}
    threshold: float | None
    basis: Literal["guaranteed", "infeasible"]
    max_error: float
    delta: float
    calibration_n: int
    expected_share: float
    expected_doubtful: float | None = None
    reason: str

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        """Read a policy of an earlier version; refuse one of a version not known here."""
        if not isinstance(data, dict):
            return data
        version = data.get("schema_version", FIELDS_VERSION)
        if version not in range(1, FIELDS_VERSION + 1):
            raise ValueError(
                f"the policy for fields has version {version}, and this Insource reads 1 to {FIELDS_VERSION}"
            )
        return {**data, "schema_version": FIELDS_VERSION}


Destination = Literal["local", "tier", "cloud", "person", "unsure"]
"""A way to answer a call.

``local``: the local answer, if the policy keeps it. ``tier``: a cheaper cloud model. ``cloud``: the cloud of
the task. ``person``: the local answer, which then waits for a person to review it. ``unsure``: the local
answer although the policy does not keep it.
"""


class Rule(Frozen):
    """Which ways the calls take that meet all its conditions, in which order; without any, all calls do.

    ``keys``, ``users`` and ``features`` name callers: by the name of their virtual key or by the tags of the
    call. ``hours`` are times of day in UTC, ``22:00-06:00``. ``spent_usd`` is met once the clouds have cost
    the task that much since midnight UTC, ``local_slower_than_s`` while a call would wait longer than that
    for the local model.
    """

    name: str = Field("", max_length=40, pattern=r"^[a-z0-9-]*$", description="Name of the rule.")
    keys: tuple[str, ...] = Field((), description="Calls with one of these virtual keys, by name.")
    users: tuple[str, ...] = Field((), description="Calls with one of these users, such as tenants.")
    features: tuple[str, ...] = Field((), description="Calls with one of these features.")
    hours: str = Field(
        "",
        pattern=r"^((?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d)?$",
        description="Calls between two times of day in UTC, such as `22:00-06:00`.",
    )
    spent_usd: float | None = Field(
        None, ge=0, description="Once the task's clouds have cost this much today (US dollars, UTC day)."
    )
    local_slower_than_s: float | None = Field(
        None, ge=0, description="While a call waits longer than this for the local model (seconds)."
    )
    use: tuple[Destination, ...] = Field(
        description="What such a call may use, in this order: `local`, `tier`, `cloud`, `person`, `unsure`; "
        "what none of them answers is refused."
    )
