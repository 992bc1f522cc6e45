"""What the test set can show: the power for the margin now, and the sample for 80 %."""

from __future__ import annotations

from insource.evaluation.comparison.pairs import Side, pair
from insource.evaluation.comparison.questions import Finding, on_documents, on_groups
from insource.evaluation.estimators import MIN_GROUPS, Units, rate
from insource.stats.intervals import Floats
from insource.stats.power import rule_of_three_n, t_test_n, t_test_power, variance_df, variance_interval
from insource.types import Estimate
from insource.types.comparison import Question, RequiredSample
from insource.types.sufficiency import PowerOfTest

ALPHA, POWER, SPREAD = 0.05, 0.8, 0.8
NO_PAIR = "no two arms are evaluated on the same test documents yet: insource evaluate"


def power_of_test(
    candidate: Side, baseline: Side, metric: str, margin: float, question: Question = "documents"
) -> PowerOfTest:
    """Return what the documents of both arms can show, by the variance of their paired differences.

    "Not worse" is what ``compare`` calls so: the two-sided 95 % interval lies above the margin.

    Raises:
        DataError: ``no-common-documents``, ``doubled-documents``.
    """
    pairs = pair(candidate, baseline, metric)
    gains = pairs.gains(metric)
    found: Finding | None = on_documents(gains, pairs.groups, metric, 1 - ALPHA)
    if question == "groups":
        found = on_groups(gains, pairs.groups, "cluster t", 1 - ALPHA)
    said = PowerOfTest(
        candidate=candidate[0].name,
        baseline=baseline[0].name,
        metric=metric,
        question=question,
        margin=margin,
        differing=rate((gains != 0).astype(float), Units(None, len(gains))),
    )
    if simulated := [arm.name for arm, _ in (candidate, baseline) if arm.simulated]:
        return _unknown(said, f"{' and '.join(simulated)} is simulated, and a simulation proves nothing")
    if found is None:
        return _unknown(said, "no two documents share a group, so nothing can be said of groups to come")
    return _known(said.model_copy(update={"units": found.units}), found, gains)


def _unknown(said: PowerOfTest, why: str) -> PowerOfTest:
    return said.model_copy(update={"unknown": why, "sentence": f"What the test set can show is open: {why}."})


def _known(said: PowerOfTest, found: Finding, gains: Floats) -> PowerOfTest:
    units, margin = found.units, said.margin
    fewest = MIN_GROUPS if said.question == "groups" else 2
    if margin <= 0:
        return _unknown(said, "the margin is zero, and no sample shows that two arms are exactly equal")
    if units < fewest:
        return _unknown(said, f"{units} {said.question} are too few")
    if found.gain.error is None:
        needed = rule_of_three_n(margin, 1 - ALPHA / 2) if 0 < margin < 1 else units
        required = RequiredSample(unit=said.question, low=needed, expected=needed, high=needed)
        shown = f"No document differed. It takes {required.words} without a difference to show the margin."
        return said.model_copy(update={"required": required, "sentence": shown})
    variance = found.gain.error.value**2 * units
    span = variance_interval(
        variance, variance_df(gains) if said.question == "documents" else units - 1, SPREAD
    )
    low, expected, high = (
        max(fewest, t_test_n(one, margin, ALPHA, POWER)) for one in (span.low, variance, span.high)
    )
    required = RequiredSample(
        unit=said.question, low=min(low, expected), expected=expected, high=max(expected, high)
    )
    known = said.model_copy(
        update={
            "power_if_equal": _power((variance, *span), margin, units),
            "power_as_observed": _power((variance, *span), found.gain.value + margin, units),
            "required": required,
        }
    )
    return known.model_copy(update={"sentence": _sentence(known)})


def _power(variances: tuple[float, float, float], distance: float, units: int) -> Estimate:
    """Return the power at a variance, with that at the ends of its interval."""
    value, *ends = (t_test_power(variance, distance, units, ALPHA) for variance in variances)
    return Estimate(
        value=value,
        low=min(value, *ends),
        high=max(value, *ends),
        confidence=SPREAD,
        n=units,
        method="noncentral t at the observed variance",
        note="the interval is that of the variance",
    )


def _sentence(known: PowerOfTest) -> str:
    required, power = known.required, known.power_if_equal.value
    if required is None or power is None:
        return ""
    enough = known.units >= required.expected
    opening = "The test set is large enough" if enough else "The test set is too small"
    return (
        f"{opening}: if {known.candidate} and {known.baseline} are equally good, its {known.units:,} "
        f"{known.question} show it within the margin of {100 * known.margin:.1f} points with a probability "
        f"of {power:.0%}; {POWER:.0%} takes {required.words}."
    )
