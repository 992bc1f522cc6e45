"""Format ratios, intervals, times and metrics for the report, and define its terms."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from insource.evaluation.gold.source import ACCURACIES, titled
from insource.report.vocabulary import METRICS, Metric
from insource.types import Arm, Comparison, Estimate, Evaluation, Labels, RunResult, Text
from insource.types.gold import GoldSource

NOT_MEASURED = "not measured"
NBSP = "\u00a0"  # keeps an interval and an n on one line


HEADLINE_FIELDS = ("field_accuracy", "format_consistency", "hallucination_rate", "exact_match")
HEADLINE_LABELS = ("accuracy", "macro_f1", "format_consistency")
HEADLINE_TEXT = ("required_facts", "token_f1", "chrf", "exact_match")
SHOWN_ARMS = 5

_SIZES = re.compile(r"(?<=effective n )[\d,]+ | \([\d,]+ groups?\)")


def headline_metrics(result: RunResult) -> tuple[str, ...]:
    """Return the metrics that the first table shows for this kind of task."""
    output = result.dataset.output
    if isinstance(output, Labels):
        return HEADLINE_LABELS
    if not isinstance(output, Text):
        return HEADLINE_FIELDS
    known = {name for evaluation in result.evaluations for name in evaluation.metrics}
    return tuple(name for name in HEADLINE_TEXT if name in known or name == "exact_match")


def primary_metric(result: RunResult) -> str:
    """Return the metric of the verdict: of the first comparison, the choice, or the first headline."""
    if result.comparisons:
        return result.comparisons[0].metric
    return result.choice.metric if result.choice else headline_metrics(result)[0]


def metric(name: str, gold: GoldSource | None = None) -> Metric:
    """Return the label and meaning of a metric. An unknown metric gets its name as the label.

    Against labels that a model gave, no label says *accuracy*: it says *agreement*, and with which model.
    """
    found = METRICS.get(name) or Metric(name.replace("_", " ").capitalize(), "")
    if gold is None or gold.kind == "accuracy":
        return found
    if name not in ACCURACIES:
        return found._replace(label=found.label.replace("accuracy", "agreement"))
    named = gold if len(gold.teachers) < 3 else _counted(gold)
    label = titled(name, named)
    return found._replace(label=label[:1].upper() + label[1:])


def _counted(gold: GoldSource) -> GoldSource:
    """Return the source of labels without the names of its models, for titles."""
    return gold.model_copy(update={"teachers": {f"{len(gold.teachers)} models": sum(gold.teachers.values())}})


def inside(label: str) -> str:
    """Return a label as it stands inside a sentence; names and abbreviations keep their capitals."""
    return label if label[1:2].isupper() or label == "chrF" else label[:1].lower() + label[1:]


def finite(value: float | None) -> float | None:
    """Return the value, or None when it is not finite."""
    return value if value is not None and math.isfinite(value) else None


def percent(ratio: float | None) -> str:
    """Format a ratio as ``94.1%``. Only an exact 1 becomes 100%, and only an exact 0 becomes 0%."""
    if finite(ratio) is None or ratio is None:
        return NOT_MEASURED
    if 0.9995 <= ratio < 1:
        return "> 99.9%"
    if 0 < ratio < 0.0005:
        return "< 0.1%"
    return f"{ratio * 100:.1f}%"


def signed(value: float) -> str:
    """Format a signed figure as ``+3.1`` or ``−0.4``."""
    return f"{value:+.1f}".replace("-", "−")


def number(value: float | None, digits: int = 3) -> str:
    """Format a figure with ``digits`` significant digits and thousands separators."""
    if finite(value) is None or value is None:
        return NOT_MEASURED
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def seconds(value: float | None) -> str:
    """Format a duration as ``3.1 ms``, ``0.84 s``, ``12.3 s`` or ``4 min 05 s``."""
    if finite(value) is None or value is None:
        return NOT_MEASURED
    if value >= 120:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest:02d} s"
    if 0 < value < 0.1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def value(estimate: Estimate, *, ratio: bool = True) -> str:
    """Format the value of an estimate, without its interval."""
    return percent(estimate.value) if ratio else number(estimate.value)


def interval(estimate: Estimate, *, ratio: bool = True) -> str:
    """Format the interval as ``[91.8, 96.0]`` in the unit of the value. Empty when there is none."""
    low, high = finite(estimate.low), finite(estimate.high)
    if low is None or high is None:
        return ""
    if not ratio:
        return f"[{number(low)},{NBSP}{number(high)}]"
    return f"[{low * 100:.1f},{NBSP}{high * 100:.1f}]"


def sample(n: int) -> str:
    """Format a sample size as ``n = 1,204``."""
    return f"n{NBSP}={NBSP}{n:,}"


def described(estimate: Estimate, *, ratio: bool = True) -> str:
    """Format an estimate for a sentence, as ``94.1% [91.8, 96.0], n = 100``."""
    if finite(estimate.value) is None:
        return NOT_MEASURED
    parts = (value(estimate, ratio=ratio), interval(estimate, ratio=ratio))
    return " ".join(part for part in parts if part) + f", {sample(estimate.n)}"


def support(estimate: Estimate, *, ratio: bool = True) -> str:
    """Return the lines below a value in a table: its interval and n."""
    if finite(estimate.value) is None:
        return estimate.note
    return f"{interval(estimate, ratio=ratio) or 'no interval'}\n{sample(estimate.n)}"


def difference(comparison: Comparison) -> str:
    """Format a difference as ``+3.1 [+0.2, +6.0]``, in points or in the unit of the metric."""
    return gap(comparison.difference, ratio=metric(comparison.metric).ratio)


def gap(estimate: Estimate, *, ratio: bool = True) -> str:
    """Format a difference as ``+3.1 [+0.2, +6.0]``, in points or in the unit of the metric."""
    scale = 100 if ratio else 1
    middle, low, high = (finite(part) for part in (estimate.value, estimate.low, estimate.high))
    if middle is None:
        return NOT_MEASURED
    if low is None or high is None:
        return signed(middle * scale)
    return f"{signed(middle * scale)} [{signed(low * scale)}, {signed(high * scale)}]"


def methods(estimates: Iterable[Estimate]) -> str:
    """Name the methods of several estimates once each, without the sample sizes that differ between them."""
    named = (_SIZES.sub("", estimate.method) for estimate in estimates if estimate.measured)
    return "; ".join(sorted(set(named) - {""})) or "not stated"


def arm_label(arm: Arm) -> str:
    """Return the name of the arm. A simulated arm is always marked as simulated."""
    if arm.simulated and "simulated cloud" not in arm.name.lower():
        return f"{arm.name} (simulated cloud)"
    return arm.name


def arm_labels(result: RunResult) -> dict[str, str]:
    """Return arm name → label."""
    return {evaluation.arm.name: arm_label(evaluation.arm) for evaluation in result.evaluations}


def candidate(result: RunResult) -> Evaluation | None:
    """Return the main arm: the chosen one, else the first comparison's candidate or the first candidate."""
    named = {evaluation.arm.name: evaluation for evaluation in result.evaluations}
    wanted = [result.choice.candidate] if result.choice else []
    wanted += [comparison.candidate for comparison in result.comparisons[:1]]
    candidates = [evaluation for evaluation in result.evaluations if evaluation.arm.role == "candidate"]
    found = (named[name] for name in wanted if name in named)
    return next(found, next(iter(candidates or result.evaluations), None))


def main_arms(result: RunResult) -> list[Evaluation]:
    """Return the few arms that crowded plots show, in report order.

    They are the chosen arm and the one it is first compared with, then clouds, other candidates and
    baselines, the best first.
    """
    chosen = candidate(result)
    first = [chosen.arm.name] if chosen else []
    first += [comparison.baseline for comparison in result.comparisons[:1]]
    roles, name = ("reference", "candidate", "baseline"), primary_metric(result)
    sign = 1 if metric(name).lower_is_better else -1

    def rank(evaluation: Evaluation) -> tuple[bool, int, float]:
        found = evaluation.metrics.get(name)
        quality = (found.value if found else None) or 0.0
        return evaluation.arm.name not in first, roles.index(evaluation.arm.role), sign * quality

    kept = {evaluation.arm.name for evaluation in sorted(result.evaluations, key=rank)[:SHOWN_ARMS]}
    return [evaluation for evaluation in result.evaluations if evaluation.arm.name in kept]


def listed(items: Iterable[str]) -> str:
    """Join items as ``a``, ``a and b`` or ``a, b and c``."""
    *first, last = [*items] or [""]
    return f"{', '.join(first)} and {last}" if first else last


# Control characters, bidirectional controls, zero-width spaces, lone surrogates, noncharacters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def visible(content: Any) -> Any:
    """Return the same value with every invisible or reordering character as an escape (``\\u202e``).

    Logged text is untrusted: a right-to-left override could make a wrong answer look right.
    """
    if isinstance(content, str):
        unified = content.replace("\r\n", "\n")
        return _HIDDEN.sub(lambda match: f"\\u{ord(match.group()):04x}", unified)
    if isinstance(content, dict):
        return {visible(key): visible(item) for key, item in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(visible(item) for item in content)
    return content
