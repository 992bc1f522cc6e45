"""Serve the sure fields of an answer and escalate the others: the policy, its fit, and how answers merge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.contract.asked import restricted
from insource.contract.places import place_of
from insource.contract.validate import fits
from insource.routing.bounds.losses import WRONG
from insource.stats.betting import ratio_evidence
from insource.stats.learn_then_test import RATIO_STEP
from insource.types import Completion, EvalRecord, JsonSchema
from insource.types.ways import FieldMode, FieldPolicy

Values = NDArray[np.float64]


def fields_of(output: JsonSchema) -> tuple[str, ...]:
    """Return the names of the fields that can be escalated alone: the properties of the answer."""
    return tuple(place_of(output.definition).properties)


def doubtful(policy: FieldPolicy, completion: Completion, names: Sequence[str]) -> tuple[str, ...]:
    """Return the fields of an answer that the cloud has to give, in the order of ``names``.

    A field without a confidence is doubtful: missing never means sure.
    """
    sure = least_confidences(completion.field_confidences, names)
    return tuple(name for name in names if not _served(policy, name, sure.get(name)))


def least_confidences(stated: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return the least confidence within each field, for those that state one; paths are ``lines[0].qty``."""
    found: dict[str, float] = {}
    for path, sure in stated.items():
        if (name := field_of(path, names)) is not None:
            found[name] = min(sure, found.get(name, 1.0))
    return found


def smaller_schema(output: JsonSchema, asked: Sequence[str]) -> dict[str, Any]:
    """Return the contract of an answer with these fields alone."""
    return restricted(output.definition, tuple(asked))


def merged(
    local: Mapping[str, Any], cloud: Any, asked: Sequence[str], output: JsonSchema
) -> dict[str, Any] | None:
    """Return the local answer with the fields that were asked for from the cloud's.

    None where the cloud's answer is no object, leaves out a field that the local one has, or does not fit the
    contract together with the rest: a rule between two fields may hold for each of the answers alone.
    """
    if not isinstance(cloud, dict):
        return None
    if any(name in local and name not in cloud for name in asked):
        return None
    names = [*fields_of(output), *local]
    both = {**local, **{name: cloud[name] for name in asked if name in cloud}}
    whole = {name: both[name] for name in dict.fromkeys(names) if name in both}
    return whole if fits(whole, output.definition) else None


class Fields(NamedTuple):
    """The fields of the calibration documents: one row a document, one column a field.

    ``sure`` is NaN where a field is never served. ``wrong`` of its ``counted`` values are wrong.
    """

    sure: Values
    wrong: Values
    counted: Values
    always: NDArray[np.bool_]


def fit_fields(
    records: Sequence[EvalRecord],
    output: JsonSchema,
    modes: Mapping[str, FieldMode],
    *,
    most: float | None,
    max_error: float,
    delta: float,
) -> FieldPolicy:
    """Return the policy that keeps the share of wrong fields among those served here.

    Fields in the mode ``local`` are always served, and counted. An answer outside the contract is never
    served. ``most`` is the most that a document can hold of what is counted; without such a limit nothing is
    promised.
    """
    names = fields_of(output)
    kept = {name: mode for name, mode in modes.items() if name in names and mode != "cascade"}
    fields = _fields(records, names, kept)
    threshold = None if most is None else field_threshold(fields, most, max_error, delta)
    share = _share(fields, math.inf if threshold is None else threshold)
    return FieldPolicy(
        modes=kept,
        threshold=threshold,
        basis="infeasible" if threshold is None else "guaranteed",
        max_error=max_error,
        delta=delta,
        calibration_n=len(records),
        expected_share=share,
        reason=_reason(threshold, share, max_error, delta, len(records)),
    )


def field_threshold(fields: Fields, most: float, max_error: float, delta: float) -> float | None:
    """Return the lowest threshold that keeps the share of wrong fields among those served here; None without.

    A threshold serves some fields of each document; E[wrong - ``max_error`` · served] <= 0 is tested by a bet
    a document, so that fields of one document may depend on each other. The thresholds are quantiles of the
    confidences, from a share that the bound fixes down in equal steps, before any outcome is seen; the first
    failure ends the sequence (Learn-then-Test, arXiv 2110.01052).
    """
    best = None
    if (fields.counted.sum(axis=1) > most).any():
        return None
    for candidate in _candidates(fields, most, max_error, delta):
        served = (fields.sure >= candidate) | fields.always
        lost, of = (np.where(served, part, 0.0).sum(axis=1) for part in (fields.wrong, fields.counted))
        if ratio_evidence(lost, of, most, max_error, delta) < math.log(1 / delta):
            break
        best = candidate
    return best


def _reason(threshold: float | None, share: float, max_error: float, delta: float, n: int) -> str:
    if threshold is None:
        return (
            f"Fields are not served one by one: with {n:,} calibration documents no threshold keeps the "
            f"share of wrong fields at or below {max_error:.0%} with {1 - delta:.0%} confidence."
        )
    return (
        f"Fields with a confidence of {threshold:.3g} or more are served here: at most {max_error:.0%} of "
        f"them are wrong, with {1 - delta:.0%} confidence. That was {share:.0%} of the fields of {n:,} "
        "calibration documents; the cloud is asked for the others."
    )


def _fields(records: Sequence[EvalRecord], names: Sequence[str], modes: Mapping[str, FieldMode]) -> Fields:
    shape = (len(records), len(names))
    sure, wrong, counted = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape)
    always = np.zeros(shape, dtype=bool)
    place = {name: column for column, name in enumerate(names)}
    for row, record in enumerate(records):
        if record.score is None or not record.score.schema_valid or record.completion is None:
            continue
        for slot in record.score.slots:
            name = field_of(slot.path, names)
            if name is not None and slot.bucket != "abstained":
                wrong[row, place[name]] += slot.bucket in WRONG
                counted[row, place[name]] += 1
        for name, confidence in least_confidences(record.completion.field_confidences, names).items():
            if modes.get(name, "cascade") == "cascade":
                sure[row, place[name]] = confidence
        always[row] = [modes.get(name) == "local" for name in names]
    return Fields(sure, wrong, counted, always)


def _candidates(fields: Fields, most: float, max_error: float, delta: float) -> Iterable[float]:
    """Yield the thresholds in the order of their tests, by the share of the fields that they serve.

    They follow from the confidences and the bound alone. The first serves √max_error of the fields, and half
    as many again as suffice where all of them are right: a smaller share cannot be told from the bound.
    """
    known = fields.sure[np.isfinite(fields.sure)]
    if not known.size:
        return
    fill = known.size / (len(fields.sure) * most)
    enough = math.expm1(1.5 * math.log(1 / delta) / len(fields.sure)) * (1 - max_error) / (max_error * fill)
    start = min(1.0, max(math.sqrt(max_error), enough))
    ranked, last = np.sort(known)[::-1], math.inf
    for share in (*np.arange(start, 1.0, RATIO_STEP), 1.0):
        candidate = float(ranked[max(0, math.ceil(share * known.size) - 1)])
        if candidate < last:
            yield candidate
        last = candidate


def _share(fields: Fields, threshold: float) -> float:
    served = (fields.sure >= threshold) | fields.always
    total = float(fields.counted.sum())
    return float(np.where(served, fields.counted, 0.0).sum()) / total if total else 0.0


def _served(policy: FieldPolicy, name: str, sure: float | None) -> bool:
    mode = policy.modes.get(name, "cascade")
    if mode != "cascade":
        return mode == "local"
    return policy.threshold is not None and sure is not None and sure >= policy.threshold


def field_of(path: str, names: Sequence[str]) -> str | None:
    """Return the field that a path leads into; the longest, where a name holds a dot or a bracket."""
    fitting = [name for name in names if path == name or path.startswith((f"{name}.", f"{name}["))]
    return max(fitting, key=len, default=None)
