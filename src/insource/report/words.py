"""Figures as words: how a ratio, an interval, a price and a metric read in a report."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from insource.types import Arm, Comparison, Estimate, Evaluation, Labels, RunResult, Text

NOT_MEASURED = "not measured"
NBSP = "\u00a0"  # an interval or an n never breaks across lines


class Metric(NamedTuple):
    """A metric's name, what it means in one sentence, and how its values read."""

    label: str
    meaning: str
    lower_is_better: bool = False
    ratio: bool = True


METRICS: dict[str, Metric] = {
    "field_accuracy": Metric(
        "Field accuracy",
        "Of the fields of a document, the share that is right (the value, or correctly left empty); "
        "averaged over documents.",
    ),
    "accuracy": Metric("Accuracy", "Share of documents with the right label."),
    "macro_f1": Metric("Macro F1", "F1 of each label, averaged with every label counting the same."),
    "format_consistency": Metric(
        "Format consistency",
        "Share of documents that are valid under the schema with every value in its canonical spelling.",
    ),
    "hallucination_rate": Metric(
        "Hallucination rate",
        "Share of documents with at least one invented value or key.",
        lower_is_better=True,
    ),
    "exact_match": Metric(
        "Document exact match", "Share of documents with no field wrong, missed or invented."
    ),
    "all_null_floor": Metric(
        "All-null floor",
        "The field accuracy of leaving every field empty: what no effort at all earns on these documents.",
    ),
    "field_accuracy_micro": Metric("Field accuracy, micro", "All fields of all documents pooled."),
    "field_accuracy_macro": Metric("Field accuracy, macro", "The mean over fields of each field's accuracy."),
    "parse_rate": Metric("Parses", "Share of answers that parse as they stand."),
    "repairable_rate": Metric(
        "Repairable", "Share that parses once fences and surrounding prose are removed."
    ),
    "schema_valid_rate": Metric("Schema-valid", "Share of answers that are valid under the schema."),
    "precision": Metric("Precision", "Of the values given, the share that is right."),
    "recall": Metric("Recall", "Of the values there are to find, the share that was found."),
    "f1": Metric("F1", "The harmonic mean of precision and recall."),
    "invented_per_null_slot": Metric(
        "Invented per empty field",
        "Of the fields that should stay empty, the share that was filled.",
        lower_is_better=True,
    ),
    "edit_burden": Metric(
        "Edit burden", "Fields a person has to correct in a document.", lower_is_better=True, ratio=False
    ),
}

TERMS: dict[str, str] = {
    "Arm": "One candidate for the job: a model with its way of being asked.",
    "Document": "One input with its answer. Documents, not fields, are what the statistics count.",
    "Interval": "The range the true value plausibly lies in; [91.8, 96.0] reads “between 91.8 and 96.0”.",
    "n": "How many documents (for a field: how many values) a figure rests on.",
    "Paired difference": "Candidate minus baseline on the same documents, so luck in the draw cancels out.",
    "Margin": "The largest loss that still counts as “not worse”; settled before looking.",
    "p50, p95": "Half, and 95 of 100, of the answers came at least this fast.",
    "Simulated cloud": "Answers made up to follow a published error profile. They exercise the machinery "
    "and prove nothing about any provider.",
}

HEADLINE_FIELDS = ("field_accuracy", "format_consistency", "hallucination_rate", "exact_match")
HEADLINE_LABELS = ("accuracy", "macro_f1", "format_consistency")
HEADLINE_TEXT = ("exact_match",)


def headline_metrics(result: RunResult) -> tuple[str, ...]:
    """The metrics the first table shows for this kind of task."""
    output = result.dataset.output
    if isinstance(output, Labels):
        return HEADLINE_LABELS
    return HEADLINE_TEXT if isinstance(output, Text) else HEADLINE_FIELDS


def primary_metric(result: RunResult) -> str:
    """The metric the run is decided on: that of the first comparison, else the task's first headline."""
    return result.comparisons[0].metric if result.comparisons else headline_metrics(result)[0]


def metric(name: str) -> Metric:
    """The metric's words; a metric unknown here reads as its own name."""
    return METRICS.get(name) or Metric(name.replace("_", " ").capitalize(), "")


def finite(value: float | None) -> float | None:
    """The value, or None where there is no number to show."""
    return value if value is not None and math.isfinite(value) else None


def percent(ratio: float | None) -> str:
    """``94.1%``. Only an exact 1 reads 100%, only an exact 0 reads 0%."""
    if finite(ratio) is None or ratio is None:
        return NOT_MEASURED
    if 0.9995 <= ratio < 1:
        return "> 99.9%"
    if 0 < ratio < 0.0005:
        return "< 0.1%"
    return f"{ratio * 100:.1f}%"


def signed(value: float) -> str:
    """``+3.1``, ``−0.4``."""
    return f"{value:+.1f}".replace("-", "−")


def number(value: float | None, digits: int = 3) -> str:
    """A plain figure to so many significant digits, with thousands separators."""
    if finite(value) is None or value is None:
        return NOT_MEASURED
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def seconds(value: float | None) -> str:
    """``0.84 s``, ``12.3 s``, ``4 min 05 s``."""
    if finite(value) is None or value is None:
        return NOT_MEASURED
    if value >= 120:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest:02d} s"
    return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def value(estimate: Estimate, *, ratio: bool = True) -> str:
    """The estimate's value alone."""
    return percent(estimate.value) if ratio else number(estimate.value)


def interval(estimate: Estimate, *, ratio: bool = True) -> str:
    """``[91.8, 96.0]`` in the unit of the value, or empty when there is none."""
    low, high = finite(estimate.low), finite(estimate.high)
    if low is None or high is None:
        return ""
    if not ratio:
        return f"[{number(low)},{NBSP}{number(high)}]"
    return f"[{low * 100:.1f},{NBSP}{high * 100:.1f}]"


def sample(n: int) -> str:
    """``n = 1,204``."""
    return f"n{NBSP}={NBSP}{n:,}"


def described(estimate: Estimate, *, ratio: bool = True) -> str:
    """``94.1% [91.8, 96.0], n = 100`` as it stands in a sentence."""
    if finite(estimate.value) is None:
        return NOT_MEASURED
    parts = (value(estimate, ratio=ratio), interval(estimate, ratio=ratio))
    return " ".join(part for part in parts if part) + f", {sample(estimate.n)}"


def support(estimate: Estimate, *, ratio: bool = True) -> str:
    """What stands below a value in a table: its interval and n."""
    if finite(estimate.value) is None:
        return estimate.note
    return f"{interval(estimate, ratio=ratio) or 'no interval'}\n{sample(estimate.n)}"


def difference(comparison: Comparison) -> str:
    """``+3.1 [+0.2, +6.0]`` points, or in the metric's own unit."""
    estimate, scale = comparison.difference, 100 if metric(comparison.metric).ratio else 1
    middle, low, high = (finite(part) for part in (estimate.value, estimate.low, estimate.high))
    if middle is None:
        return NOT_MEASURED
    if low is None or high is None:
        return signed(middle * scale)
    return f"{signed(middle * scale)} [{signed(low * scale)}, {signed(high * scale)}]"


def arm_label(arm: Arm) -> str:
    """The arm's name; a simulated one says so wherever it is named."""
    if arm.simulated and "simulated cloud" not in arm.name.lower():
        return f"{arm.name} (simulated cloud)"
    return arm.name


def arm_labels(result: RunResult) -> dict[str, str]:
    """Arm name → label."""
    return {evaluation.arm.name: arm_label(evaluation.arm) for evaluation in result.evaluations}


def candidate(result: RunResult) -> Evaluation | None:
    """Return the arm the run is about: the first comparison's candidate, else the first one, else any."""
    named = {evaluation.arm.name: evaluation for evaluation in result.evaluations}
    if result.comparisons and result.comparisons[0].candidate in named:
        return named[result.comparisons[0].candidate]
    candidates = [evaluation for evaluation in result.evaluations if evaluation.arm.role == "candidate"]
    return next(iter(candidates or result.evaluations), None)


def listed(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = [*items] or [""]
    return f"{', '.join(first)} and {last}" if first else last


# Control characters, bidirectional controls, zero-width spaces, lone surrogates, noncharacters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def visible(content: Any) -> Any:
    """The same value with every invisible or reordering character spelled out (``\\u202e``).

    Logged text is hostile: a right-to-left override could make a wrong answer look right.
    """
    if isinstance(content, str):
        unified = content.replace("\r\n", "\n")
        return _HIDDEN.sub(lambda match: f"\\u{ord(match.group()):04x}", unified)
    if isinstance(content, dict):
        return {visible(key): visible(item) for key, item in content.items()}
    if isinstance(content, list | tuple):
        return type(content)(visible(item) for item in content)
    return content
