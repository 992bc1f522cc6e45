"""The findings of a comparison in words."""

from __future__ import annotations

from collections.abc import Sequence

from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.never_answered import described, notable
from insource.types import Comparison, Estimate
from insource.types.comparison import Answered, Outcome, Question

_ASKED: dict[Question, str] = {"documents": "On documents like these, ", "groups": "On groups to come, "}


def sentence(result: Comparison, simulated: Sequence[str], asked: bool, name: str) -> str:
    """Return what was found on the metric called ``name``.

    ``asked``: say which question is answered, because there are two.
    """
    first = [described(gap) for gap in result.never_answered if notable(gap)]
    return " ".join([*first, _finding(result, simulated, asked, name)])


def other_sentence(result: Comparison, answer: Answered, name: str) -> str:
    """Return the answer to the other question of the same comparison."""
    opening = _opening(result, answer.outcome, f"{{}} {result.baseline} on {name}")
    figures = f"a difference of {points(answer.difference.value)} {interval(answer.difference)}"
    if answer.question == "documents":
        figures += f" on {answer.units:,} documents"
    else:
        figures += f" over {answer.units:,} {_plural('group', answer.units)}; {answer.weighting}"
    return f"{_ASKED[answer.question]}{opening}: {figures} ({answer.test}).{_addition(result, answer)}"


def _finding(result: Comparison, simulated: Sequence[str], asked: bool, name: str) -> str:
    values = _figures(result)
    if simulated:
        return (
            f"No verdict between {result.candidate} and {result.baseline}: {' and '.join(simulated)} is "
            f"simulated from published figures and is no evidence. Their {name}: {values}."
        )
    if result.not_comparable:
        reason = result.not_comparable.strip().rstrip(".")
        return (
            f"{result.candidate} and {result.baseline} are not comparable: {reason}. Their {name}: {values}."
        )
    opening = _opening(result, result.outcome, f"{{}} {result.baseline} on {name}")
    if asked:
        opening = _ASKED[result.question] + opening
    elif opening.startswith("it is open "):
        opening = "I" + opening[1:]
    return f"{opening}: {values}.{_addition(result, result)}"


def _opening(result: Comparison, outcome: Outcome | None, rest: str) -> str:
    pair = f"{result.candidate} is {rest}"
    return {
        "better": pair.format("better than"),
        "not worse": pair.format("not worse than") + f" by more than the margin of {points(result.margin)}",
        "worse": pair.format("worse than"),
    }.get(outcome or "", f"it is open whether {pair.format('as good as')}")


def _figures(result: Comparison) -> str:
    ours, theirs, difference = result.candidate_value, result.baseline_value, result.difference
    text = f"{percent(ours.value)} against {percent(theirs.value)}, a difference of "
    text += f"{points(difference.value)} {interval(difference)}"
    comma = "," if difference.low is None else ""
    text += f"{comma} on {result.n} {_plural('document', result.n)}"
    if result.question == "groups" and result.units:
        text += f" in {result.units:,} {_plural('group', result.units)}; {result.weighting}"
    return text


def interval(difference: Estimate) -> str:
    """Return the interval of a difference in points, in brackets."""
    if difference.low is None or difference.high is None:
        return "without an interval"
    ends = f"{difference.low * 100 + 0.0:.1f} to {difference.high * 100 + 0.0:.1f}"
    return f"({difference.confidence:.0%} interval {ends})"


def _addition(result: Comparison, answer: Comparison | Answered) -> str:
    """Return what the outcome alone does not tell."""
    low, high, outcome = answer.difference.low, answer.difference.high, answer.outcome
    if low is None or high is None:
        few = f" There are too few independent {answer.question} to decide."
        return few + (f" {_takes(answer)}" if answer.required else "")
    if gain_sign(result.metric) < 0:
        low, high = -high, -low
    loss = ""
    if outcome == "not worse" and high < 0:
        loss = "There is a loss, within the margin: the whole interval is on the worse side of zero."
    elif outcome == "worse":
        beyond = "The loss exceeds" if high < -result.margin else "It is open whether the loss exceeds"
        loss = f"{beyond} the margin of {points(result.margin)}."
    return "".join(f" {part}" for part in (loss, _turns(answer), _takes(answer)) if part)


def _turns(answer: Comparison | Answered) -> str:
    """Return that another valid test decides otherwise."""
    other = answer.other_test
    if other is None or other.outcome == answer.outcome:
        return ""
    assumes = ", which assumes that the groups' differences are symmetric," if "flip" in other.test else ""
    return f"It turns on the test: {other.test}{assumes} says {other.outcome} (p = {other.p_value:.2g})."


def _takes(answer: Comparison | Answered) -> str:
    if answer.required is None:
        return ""
    needed = answer.required
    span = f" ({needed.low:,} to {needed.high:,})" if needed.low != needed.high else ""
    if needed.unit == "groups":
        return (
            f"It takes more groups, not documents: about {needed.expected:,} groups in all{span}, if this "
            "difference is the true one."
        )
    settle = "documents in all{} would settle it if this difference is the true one."
    return f"About {needed.expected:,} {settle.format(span)}"


def percent(value: float | None) -> str:
    """Return a rate in percent."""
    return "not measured" if value is None else f"{value * 100:.1f} %"


def points(value: float | None) -> str:
    """Return a difference of rates in points."""
    return "unknown size" if value is None else f"{value * 100 + 0.0:.1f} points"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
