"""Say why a policy is as it is: the bound, what was tested, what no method can do, and what would help."""

from __future__ import annotations

from insource.routing.losses import Judged
from insource.routing.remedies import documents_needed, looser_bound
from insource.stats.learn_then_test import least_abstention, minimum_calibration_n
from insource.types.routing import Loss

_COUNTED: dict[Loss, tuple[str, str]] = {
    "documents": ("wrong", "locally served answers"),
    "fields": ("wrong", "the fields of locally served answers"),
    "invented": ("invented", "the values in locally served answers"),
}
_UNIT: dict[Loss, str] = {"documents": "answers", "fields": "fields", "invented": "values"}


def percent(ratio: float) -> str:
    """Return a bound in percent, never rounded: "at most 2%" would promise more than 2.5 % does."""
    return f"{100 * ratio:.10g}%"


def promise(loss: Loss, max_error: float) -> str:
    """Return what a bound promises: "at most 10% wrong among locally served answers"."""
    fault, among = _COUNTED[loss]
    return f"at most {percent(max_error)} {fault} among {among}"


def reason(basis: str, threshold: float | None, max_error: float, delta: float, known: Judged) -> str:
    """Return the sentences that explain a policy: what it promises and by which test, or why it cannot."""
    bound = (
        f"{promise(known.loss, max_error)}, with {percent(1 - delta)} confidence, "
        "for documents like those of the calibration split"
    )
    possible = _possible(max_error, known)
    if basis == "guaranteed":
        return f"At or above {threshold:.3g}: {bound} ({_test(known)}).{possible}"
    help_ = possible + _remedies(max_error, delta, known)
    why = _why_not(max_error, delta, known)
    if basis == "median":
        return (
            f"No guarantee. The bound ({bound}) {why}. Working threshold instead: {threshold:.3g}, "
            f"the median confidence on the calibration split.{help_}"
        )
    return f"Everything goes to the cloud. The bound ({bound}) {why}.{help_}"


def _test(known: Judged) -> str:
    n = f"Learn-then-Test on {len(known.confidence)} calibration documents"
    if known.loss == "documents":
        return n
    return (
        f"{n}, each one bet on its {_UNIT[known.loss]}, of which it holds at most {known.most}: a betting "
        "bound, which serves more than an empirical Bernstein bound does"
    )


def _why_not(max_error: float, delta: float, known: Judged) -> str:
    n, needed, unit = len(known.confidence), minimum_calibration_n(max_error, delta), _UNIT[known.loss]
    if (known.counted > known.most).any():
        return (
            f"was not tested: a calibration document has {int(known.counted.max())} {unit}, and at most "
            f"{known.most} were stated; set `routing.most_fields` to what a document can hold"
        )
    if n < needed:
        return f"needs at least {needed} calibration documents with a confidence, and there are {n}"
    return (
        f"does not hold at any threshold: {int(known.wrong.sum())} of {int(known.counted.sum())} calibration "
        f"{unit} are {_COUNTED[known.loss][0]}, too many of them among the most confident"
        if known.loss == "documents"
        else f"cannot be shown at any threshold: {int(known.wrong.sum())} of {int(known.counted.sum())} "
        f"{unit} in {n} calibration documents are {_COUNTED[known.loss][0]}"
    )


def _possible(max_error: float, known: Judged) -> str:
    """Return what no method can do better: the share that has to go to the cloud under any."""
    rate = known.error_rate
    if rate is None:
        return ""
    least = least_abstention(rate, max_error)
    if not least:
        return ""
    return (
        f" With {rate:.2%} of all calibration {_UNIT[known.loss]} {_COUNTED[known.loss][0]}, no method can "
        f"keep this bound and serve more than {1 - least:.0%} of the {_UNIT[known.loss]} locally."
    )


def _remedies(max_error: float, delta: float, known: Judged) -> str:
    """Return what would make the bound feasible, as sentences that follow the reason."""
    if (known.counted > known.most).any():
        return ""
    enough = documents_needed(known, max_error, delta)
    looser = looser_bound(known, max_error, delta)
    text = ""
    if enough is not None:
        more = enough - len(known.confidence)
        documents = "document" if more == 1 else "documents"
        text += (
            f" About {more:,} more calibration {documents} would support it "
            "if the answers are as often right as these."
        )
    elif len(known.confidence):
        text += " More calibration documents alone are not expected to help."
    if looser is not None:
        text += (
            f" A bound of {percent(looser.max_error)} would hold here and serve {looser.local_share:.0%} "
            "locally. A bound chosen after looking at these documents is no guarantee: "
            "set `routing.max_error` and calibrate on fresh ones."
        )
    return text
