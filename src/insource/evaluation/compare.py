"""Compare two arms on the same documents: the difference, its significance, and a sentence about it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from insource.evaluation.estimators import Units, sampling_units
from insource.evaluation.metrics import (
    BY_DOCUMENT,
    LOWER_IS_BETTER,
    document_value,
    estimate,
    has_document_value,
    is_rate,
)
from insource.evaluation.never_answered import described, never_answered, notable
from insource.evaluation.scorers import LABEL
from insource.foundation.errors import ConfigError, DataError
from insource.stats.intervals import Floats, Interval
from insource.stats.paired import PairedDifference, paired_binary, paired_mean
from insource.stats.power import mean_difference_n, rule_of_three_n
from insource.types import Arm, Comparison, Estimate, EvalRecord
from insource.types.evaluation import Outcome


class _Pairs(NamedTuple):
    """One value per arm for each common document, in the order of the candidate's records."""

    candidate: Floats
    baseline: Floats
    groups: tuple[str | None, ...]
    row_ids: frozenset[str]
    left_out: int


def compare(
    candidate: tuple[Arm, Sequence[EvalRecord]],
    baseline: tuple[Arm, Sequence[EvalRecord]],
    *,
    metric: str,
    margin: float,
    alpha: float = 0.05,
    label_fields: Collection[str] = (LABEL,),
) -> Comparison:
    """Compare candidate and baseline (candidate minus baseline) on a per-document metric.

    Documents that were not asked of both arms are left out. ``difference`` keeps the metric's own sign.
    ``better`` and ``worse`` count documents in the good direction, which for a hallucination rate is down.
    ``margin`` is a ratio. The outcome follows from the two-sided 1 - ``alpha`` interval of the gain, in this
    order:

    - *better*: the whole interval is above zero;
    - *not worse*: the interval is above -margin. A certain loss within the margin is *not worse*, and
      the sentence names the loss;
    - *worse*: the whole interval is below zero;
    - *inconclusive* otherwise. ``required_n`` documents then give a power of 0.8 to decide, if the
      observed difference and its spread (design effect included) are the true ones.

    A rate of documents uses the more cautious of exact McNemar and Tango's score; a mean of shares uses the
    padded paired t (``stats.paired``). ``p_value`` is two-sided, from the test of the interval. Where
    documents share groups, both use the paired t by group. A simulated arm gets no outcome.

    ``label_fields`` are the paths whose values come from a closed list (``fields_of_labels``). Labels of them
    that a compared cloud never gave are in ``never_answered``; when more than 1 % of the documents have one,
    the sentence begins with it.

    Raises:
        ConfigError: ``metric-not-comparable`` for a metric without a value per document.
        DataError: ``no-common-documents`` when no document was asked of both.

    Examples:
        >>> from insource import Arm, EvalRecord, compare
        >>> def record(n, right):
        ...     # The record of a document with one field.
        ...     slot = {"path": "voltage", "bucket": "correct" if right else "wrong", "gold": "480 V"}
        ...     score = {"slots": [slot], "exact": right}
        ...     score |= dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
        ...     return EvalRecord(row_id=str(n), status="scored", score=score)
        >>> tuned = Arm(name="tuned", model="smollm2", kind="tuned"), [record(n, n > 3) for n in range(40)]
        >>> base = Arm(name="base", model="smollm2", kind="base"), [record(n, n > 19) for n in range(40)]
        >>> found = compare(tuned, base, metric="exact_match", margin=0.02)
        >>> found.outcome
        'better'
        >>> f"{found.difference.value:+.2f} [{found.difference.low:+.2f}, {found.difference.high:+.2f}]"
        '+0.40 [+0.24, +0.55]'
    """
    _require_by_document(metric, [*candidate[1], *baseline[1]])
    pairs = _pair(candidate, baseline, metric)
    units = sampling_units(pairs.groups)
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    gains = sign * (pairs.candidate - pairs.baseline)
    gain = _difference(gains, units, metric, 1 - alpha)
    outcome = _outcome(gain.interval, margin)
    simulated = [arm.name for arm in (candidate[0], baseline[0]) if arm.simulated]
    result = Comparison(
        candidate=candidate[0].name,
        baseline=baseline[0].name,
        metric=metric,
        n=len(gains),
        candidate_value=estimate(pairs.candidate.tolist(), pairs.groups, metric),
        baseline_value=estimate(pairs.baseline.tolist(), pairs.groups, metric),
        difference=_estimate(gain, sign, len(gains), 1 - alpha, _note(units, pairs.left_out)),
        better=int((gains > 0).sum()),
        worse=int((gains < 0).sum()),
        same=int((gains == 0).sum()),
        p_value=gain.p_value,
        test=gain.method,
        margin=margin,
        outcome=None if simulated else outcome,
        verdict_allowed=not simulated,
        required_n=None
        if simulated or outcome != "inconclusive"
        else _required_n(gain, margin, len(gains), units, alpha),
        never_answered=tuple(
            gap
            for side in (candidate, baseline)
            for gap in never_answered(*side, label_fields, pairs.row_ids)
        ),
    )
    return result.model_copy(update={"sentence": _sentence(result, simulated)})


def _require_by_document(metric: str, records: Sequence[EvalRecord]) -> None:
    if not has_document_value(metric, records):
        raise ConfigError(
            "metric-not-comparable",
            f"The metric `{metric}` has no value per document, so two arms cannot be compared on it.",
            hint="Set `primary_metric` to one of: " + ", ".join(BY_DOCUMENT),
        )


def _pair(
    candidate: tuple[Arm, Sequence[EvalRecord]], baseline: tuple[Arm, Sequence[EvalRecord]], metric: str
) -> _Pairs:
    ours = {r.row_id: r for r in candidate[1] if r.status != "unscored"}
    theirs = {r.row_id: r for r in baseline[1] if r.status != "unscored"}
    common = [
        (row_id, record.group, first, second)
        for row_id, record in ours.items()
        if row_id in theirs
        and (first := document_value(record, metric)) is not None
        and (second := document_value(theirs[row_id], metric)) is not None
    ]
    if not common:
        raise DataError(
            "no-common-documents",
            f"{candidate[0].name} and {baseline[0].name} have no evaluated document in common.",
            hint="Evaluate both on the same split: insource evaluate",
        )
    row_ids, groups, first_values, second_values = zip(*common, strict=True)
    left_out = len(ours.keys() | theirs.keys()) - len(common)
    return _Pairs(
        np.array(first_values, dtype=float),
        np.array(second_values, dtype=float),
        groups,
        frozenset(row_ids),
        left_out,
    )


def _difference(gains: Floats, units: Units, metric: str, confidence: float) -> PairedDifference:
    # A share of one field is 0 or 1, like a rate, and a t test of few such differences errs too often.
    whole = is_rate(metric) or bool(np.isin(gains, (-1.0, 0.0, 1.0)).all())
    if units.clusters is None and whole:
        return paired_binary(gains, confidence)
    return paired_mean(gains, units.clusters, confidence)


def _outcome(interval: Interval | None, margin: float) -> Outcome:
    if interval is None:
        return "inconclusive"
    if interval.low > 0:
        return "better"
    if interval.low > -margin:
        return "not worse"
    return "worse" if interval.high < 0 else "inconclusive"


def _required_n(gain: PairedDifference, margin: float, n: int, units: Units, alpha: float) -> int | None:
    """Return the documents needed for the nearest outcome if the observed difference is the true one.

    At a gain g the interval can clear -margin (distance g + margin) or zero from below (distance -g). The
    larger distance needs fewer documents. The result is None when neither can be reached.
    """
    if gain.error is None:
        nothing_differed = gain.interval is not None and gain.value == 0 and 0 < margin < 1
        return (
            math.ceil(rule_of_three_n(margin, 1 - alpha / 2) * n / units.size) if nothing_differed else None
        )
    distance = max(gain.value + margin, -gain.value)
    if distance <= 0:
        return None
    # n times the squared standard error is the variance per document, design effect included.
    needed = mean_difference_n(gain.error.value**2 * n, distance, alpha)
    # With fewer documents, even the same gain on each has a two-sided p of 2 / 2^n, which is not below alpha.
    return max(n + 1, needed, math.floor(1 - math.log2(alpha)) + 1)


def _estimate(gain: PairedDifference, sign: float, n: int, confidence: float, note: str) -> Estimate:
    low, high = (None, None) if gain.interval is None else sorted(sign * end for end in gain.interval)
    return Estimate(
        value=sign * gain.value + 0.0,  # no negative zero
        low=low,
        high=high,
        confidence=confidence,
        n=n,
        method=gain.method,
        note=note,
    )


def _note(units: Units, left_out: int) -> str:
    partial = f"{left_out} documents are left out because only one arm answered them" if left_out else ""
    return "; ".join(part for part in (units.note, partial) if part)


def _sentence(result: Comparison, simulated: Sequence[str]) -> str:
    first = [described(gap) for gap in result.never_answered if notable(gap)]
    return " ".join([*first, _finding(result, simulated)])


def _finding(result: Comparison, simulated: Sequence[str]) -> str:
    figures = _figures(result)
    name = result.metric.replace("_", " ")
    if simulated:
        return (
            f"No verdict between {result.candidate} and {result.baseline}: {' and '.join(simulated)} is "
            f"simulated from published figures and is no evidence. Their {name}: {figures}."
        )
    pair = f"{result.candidate} is {{}} {result.baseline} on {name}"
    margin = _points(result.margin)
    opening = {
        "better": pair.format("better than"),
        "not worse": pair.format("not worse than") + f" by more than the margin of {margin}",
        "worse": pair.format("worse than"),
    }.get(result.outcome or "", f"It is open whether {pair.format('as good as')}")
    return f"{opening}: {figures}.{_addition(result)}"


def _figures(result: Comparison) -> str:
    ours, theirs, difference = result.candidate_value, result.baseline_value, result.difference
    documents = "document" if result.n == 1 else "documents"
    text = f"{_percent(ours.value)} against {_percent(theirs.value)}, "
    text += f"a difference of {_points(difference.value)}"
    if difference.low is None or difference.high is None:
        return f"{text} without an interval, on {result.n} {documents}"
    interval = f"{difference.low * 100:.1f} to {difference.high * 100:.1f}"
    return f"{text} ({difference.confidence:.0%} interval {interval}) on {result.n} {documents}"


def _addition(result: Comparison) -> str:
    """Return what the outcome alone does not tell."""
    low, high = result.difference.low, result.difference.high
    if low is None or high is None:
        return " There are too few independent documents to decide."
    if result.metric in LOWER_IS_BETTER:
        low, high = -high, -low
    if result.outcome == "not worse" and high < 0:
        return " There is a loss, within the margin: the whole interval is on the worse side of zero."
    if result.outcome == "worse" and high < -result.margin:
        return f" The loss exceeds the margin of {_points(result.margin)}."
    if result.outcome == "worse":
        return f" It is open whether the loss exceeds the margin of {_points(result.margin)}."
    if result.outcome == "inconclusive" and result.required_n:
        return f" About {result.required_n:,} documents would settle it if this difference is the true one."
    return ""


def _percent(value: float | None) -> str:
    return "not measured" if value is None else f"{value * 100:.1f} %"


def _points(value: float | None) -> str:
    return "unknown size" if value is None else f"{value * 100 + 0.0:.1f} points"
