"""Say why a policy is as it is: the bound, what was tested, what no method can do, and what would help."""

from __future__ import annotations

from collections.abc import Sequence

from insource.routing.bounds.losses import BY_DOCUMENT, Judged
from insource.routing.bounds.remedies import units_needed
from insource.stats.learn_then_test import least_abstention, minimum_calibration_n
from insource.types.routing import Feasible, FrontierPoint, Loss, Unit

_COUNTED: dict[Loss, tuple[str, str]] = {
    "documents": ("wrong", "locally served answers"),
    "fields": ("wrong", "the fields of locally served answers"),
    "invented": ("invented", "the values in locally served answers"),
    "weighted": ("wrong", "the fields of locally served answers, each by its weight"),
    "cloud": ("wrong although the cloud is right", "locally served answers"),
}
_UNIT: dict[Loss, str] = {
    "documents": "answers",
    "fields": "fields",
    "invented": "values",
    "weighted": "the weight of the fields",
    "cloud": "answers",
}


def percent(ratio: float) -> str:
    """Return a bound in percent, never rounded: "at most 2%" would promise more than 2.5 % does."""
    return f"{100 * ratio:.10g}%"


def promise(loss: Loss, max_error: float, unit: Unit = "documents") -> str:
    """Return what a bound promises: "at most 10% wrong among locally served answers"."""
    fault, among = _COUNTED[loss]
    mean = ", on average over new groups" if unit == "groups" else ""
    return f"at most {percent(max_error)} {fault} among {among}{mean}"


def reason(
    basis: str,
    threshold: float | None,
    max_error: float,
    delta: float,
    known: Judged,
    points: Sequence[FrontierPoint] = (),
    choices: int = 1,
) -> str:
    """Return the sentences that explain a policy: what it promises and by which test, or why it cannot."""
    like = (
        "groups like those that training never saw"
        if known.unit == "groups"
        else "documents like those of the calibration split"
    )
    bound = f"{promise(known.loss, max_error, known.unit)}, with {percent(1 - delta)} confidence, for {like}"
    possible = _possible(max_error, known) + _picked(choices)
    if basis == "guaranteed":
        return f"At or above {threshold:.3g}: {bound} ({_test(known)}).{possible}"
    help_ = possible + _remedies(max_error, delta / choices, known, points)
    why = _why_not(max_error, delta / choices, known)
    if basis == "median":
        return (
            f"No guarantee. The bound ({bound}) {why}. Working threshold instead: {threshold:.3g}, "
            f"the median confidence on the calibration split.{help_}"
        )
    return f"Everything goes to the cloud. The bound ({bound}) {why}.{help_}"


def instead(feasible: Sequence[Feasible]) -> str:
    """Return the other losses that would hold, as sentences that follow the reason."""
    return "".join(
        f' With `routing.loss = "{one.loss}"`, {promise(one.loss, one.max_error)} could be shown here, '
        f"and {one.share:.0%} of the documents served."
        for one in feasible
    )


def _picked(choices: int) -> str:
    if choices == 1:
        return ""
    return (
        f" These calibration documents were looked at before with another bound, so it counts as one of "
        f"{choices} that could be picked: the test is that much stricter (Bonferroni). On fresh documents it "
        "is not."
    )


def _test(known: Judged) -> str:
    n = len(known.confidence)
    if known.unit == "groups":
        return f"Learn-then-Test on {known.units} groups of {n} documents, each group one bet on its share"
    on = f"Learn-then-Test on {n} calibration documents"
    if known.loss in BY_DOCUMENT:
        return on
    return (
        f"{on}, each one bet on its {_held(known)}, of which it holds at most {known.most:.10g}: a betting "
        "bound, which serves more than an empirical Bernstein bound does"
    )


def _held(known: Judged) -> str:
    return "fields by their weights" if known.loss == "weighted" else _UNIT[known.loss]


def _why_not(max_error: float, delta: float, known: Judged) -> str:
    n, needed, unit = known.units, minimum_calibration_n(max_error, delta), _UNIT[known.loss]
    if known.overfull:
        return (
            f"was not tested: a calibration document has {known.counted.max():.10g} {_held(known)}, and at "
            f"most {known.most:.10g} were stated; set `routing.most_fields` to what a document can hold"
        )
    if n < needed and known.unit == "groups":
        return f"needs at least {needed} groups that training never saw, and there are {n} to calibrate on"
    if n < needed:
        return f"needs at least {needed} calibration documents with a confidence, and there are {n}"
    wrong, counted = f"{known.wrong.sum():.10g}", f"{known.counted.sum():.10g}"
    if known.loss in BY_DOCUMENT and known.unit == "documents":
        return (
            f"does not hold at any threshold: {wrong} of {counted} calibration "
            f"{unit} are {_COUNTED[known.loss][0]}, too many of them among the most confident"
        )
    among = f"{n} groups" if known.unit == "groups" else f"{n} calibration documents"
    return (
        f"cannot be shown at any threshold: {wrong} of {counted} "
        f"{_held(known)} in {among} are {_COUNTED[known.loss][0]}"
    )


def _possible(max_error: float, known: Judged) -> str:
    """Return what no method can do better: the share that has to go to the cloud under any."""
    rate = known.error_rate
    # Groups weigh the same, whatever their documents: the share over all documents says nothing of them.
    if rate is None or known.unit == "groups":
        return ""
    least = least_abstention(rate, max_error)
    if not least:
        return ""
    return (
        f" With {rate:.2%} of all calibration {_held(known)} {_COUNTED[known.loss][0]}, no method can "
        f"keep this bound and serve more than {1 - least:.0%} of {_all(known)} locally."
    )


def _all(known: Judged) -> str:
    return "their weight" if known.loss == "weighted" else f"the {_UNIT[known.loss]}"


def _remedies(max_error: float, delta: float, known: Judged, points: Sequence[FrontierPoint]) -> str:
    """Return what would make the bound feasible, as sentences that follow the reason."""
    if known.overfull:
        return ""
    enough = units_needed(known, max_error, delta)
    text = ""
    if enough is not None:
        more = enough - known.units
        kind = "new group" if known.unit == "groups" else "calibration document"
        text += (
            f" About {more:,} more {kind}{'s' if more != 1 else ''} would support it "
            "if the answers are as often right as these."
        )
    elif known.units:
        text += " More calibration documents alone are not expected to help."
    looser = next((one for one in points if one.max_error > max_error and one.threshold is not None), None)
    if looser is not None:
        text += (
            f" A bound of {percent(looser.max_error)} would hold here and serve {looser.share:.0%} "
            "locally. A bound chosen after looking at these documents is no guarantee: "
            "set `routing.max_error` and calibrate on fresh ones."
        )
    return text
