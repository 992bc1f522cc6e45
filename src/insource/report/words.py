"""Format ratios, intervals, times and metrics for the report, and define its terms."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from insource.types import Arm, Comparison, Estimate, Evaluation, Labels, RunResult, Text

NOT_MEASURED = "not measured"
NBSP = "\u00a0"  # keeps an interval and an n on one line


class Metric(NamedTuple):
    """The label of a metric, its meaning in one sentence, and how its values are shown."""

    label: str
    meaning: str
    lower_is_better: bool = False
    ratio: bool = True


METRICS: dict[str, Metric] = {
    "field_accuracy": Metric(
        "Field accuracy",
        "Share of a document's fields that are correct (the right value, or correctly empty), averaged over "
        "documents.",
    ),
    "accuracy": Metric("Accuracy", "Share of documents with the right label."),
    "macro_f1": Metric("Macro F1", "Unweighted mean of the F1 of each label."),
    "format_consistency": Metric(
        "Format consistency",
        "Share of answers that are valid under the schema, with every value in its canonical spelling.",
    ),
    "hallucination_rate": Metric(
        "Hallucination rate",
        "Share of answers with at least one invented value or key.",
        lower_is_better=True,
    ),
    "exact_match": Metric(
        "Document exact match", "Share of documents without a wrong, missed or invented field."
    ),
    "all_null_floor": Metric(
        "All-null floor",
        "Field accuracy of an answer with every field empty, on the same documents.",
    ),
    "field_accuracy_micro": Metric(
        "Field accuracy, micro", "Share of correct fields among all fields of all documents."
    ),
    "field_accuracy_macro": Metric("Field accuracy, macro", "Mean of the accuracies of the fields."),
    "parse_rate": Metric("Parses", "Share of answers that parse without repair."),
    "repairable_rate": Metric(
        "Repairable", "Share of answers that parse after removal of fences and surrounding prose."
    ),
    "schema_valid_rate": Metric("Schema-valid", "Share of answers that are valid under the schema."),
    "precision": Metric("Precision", "Share of the given values that are correct."),
    "recall": Metric("Recall", "Share of the labelled values that were found."),
    "f1": Metric("F1", "Harmonic mean of precision and recall."),
    "invented_per_null_slot": Metric(
        "Invented per empty field",
        "Share of the empty fields that were filled.",
        lower_is_better=True,
    ),
    "invented_per_document": Metric(
        "Invented per document", "Fields per document that were filled without a label.", True, ratio=False
    ),
    "surface_consistency": Metric(
        "Surface consistency",
        "Share of a field's values written in its most frequent pattern, mean of the fields.",
    ),
    "run_agreement": Metric(
        "Run-to-run agreement", "Share of documents that get the identical answer when they are asked again."
    ),
    "unsupported_rate": Metric(
        "Not in the document",
        "Share of the values that are not found in their document, in fields that can be judged so.",
        lower_is_better=True,
    ),
    "source_invention_rate": Metric(
        "Invented, by the document",
        "Share of the values that are invented, from those not found, corrected for what the search misses.",
        lower_is_better=True,
    ),
    "abstention_rate": Metric(
        "Abstained",
        "Share of the fields for which the answer says that it does not know.",
        lower_is_better=True,
    ),
    "correction_cost": Metric(
        "Correction cost", "Declared cost of correcting a document.", lower_is_better=True, ratio=False
    ),
    "required_facts": Metric(
        "Required facts", "Share of a document's required facts that the answer contains."
    ),
    "token_f1": Metric("Token F1", "Overlap of the answer's words with the reference's."),
    "chrf": Metric("chrF", "Overlap of the answer's character sequences with the reference's."),
    "out_of_scope_recall": Metric(
        "Out-of-scope recall", "Share of the out-of-scope documents that are recognised."
    ),
    "out_of_scope_precision": Metric(
        "Out-of-scope precision", "Share of the documents called out of scope that are."
    ),
    "edit_burden": Metric(
        "Edit burden", "Fields per document that a person must correct.", lower_is_better=True, ratio=False
    ),
}

TERMS: dict[str, str] = {
    "Arm": "One candidate for the task: a model, its prompt and its decoding.",
    "Document": "One input with its answer. The statistics count documents, not fields.",
    "Interval": "Confidence interval: a range of plausible values; [91.8, 96.0] means 91.8 to 96.0.",
    "n": "Number of documents behind a figure; for a field, the number of values.",
    "Paired difference": "Candidate minus baseline on the same documents. Pairing removes the variation "
    "between documents.",
    "Margin": "Largest loss that still counts as “not worse”. It is set before the evaluation.",
    "p50, p95": "50 % and 95 % of the answers took at most this long.",
    "Simulated cloud": "Generated answers that follow a published error profile. They test the software and "
    "say nothing about any provider.",
}

HEADLINE_FIELDS = ("field_accuracy", "format_consistency", "hallucination_rate", "exact_match")
HEADLINE_LABELS = ("accuracy", "macro_f1", "format_consistency")
HEADLINE_TEXT = ("exact_match",)


def headline_metrics(result: RunResult) -> tuple[str, ...]:
    """Return the metrics that the first table shows for this kind of task."""
    output = result.dataset.output
    if isinstance(output, Labels):
        return HEADLINE_LABELS
    return HEADLINE_TEXT if isinstance(output, Text) else HEADLINE_FIELDS


def primary_metric(result: RunResult) -> str:
    """Return the metric of the verdict: that of the first comparison, else the task's first headline."""
    return result.comparisons[0].metric if result.comparisons else headline_metrics(result)[0]


def metric(name: str) -> Metric:
    """Return the label and meaning of a metric. An unknown metric gets its name as the label."""
    return METRICS.get(name) or Metric(name.replace("_", " ").capitalize(), "")


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
    """Format a duration as ``0.84 s``, ``12.3 s`` or ``4 min 05 s``."""
    if finite(value) is None or value is None:
        return NOT_MEASURED
    if value >= 120:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest:02d} s"
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
    estimate, scale = comparison.difference, 100 if metric(comparison.metric).ratio else 1
    middle, low, high = (finite(part) for part in (estimate.value, estimate.low, estimate.high))
    if middle is None:
        return NOT_MEASURED
    if low is None or high is None:
        return signed(middle * scale)
    return f"{signed(middle * scale)} [{signed(low * scale)}, {signed(high * scale)}]"


def arm_label(arm: Arm) -> str:
    """Return the name of the arm. A simulated arm is always marked as simulated."""
    if arm.simulated and "simulated cloud" not in arm.name.lower():
        return f"{arm.name} (simulated cloud)"
    return arm.name


def arm_labels(result: RunResult) -> dict[str, str]:
    """Return arm name → label."""
    return {evaluation.arm.name: arm_label(evaluation.arm) for evaluation in result.evaluations}


def candidate(result: RunResult) -> Evaluation | None:
    """Return the main arm: the first comparison's candidate, else the first candidate, else the first arm."""
    named = {evaluation.arm.name: evaluation for evaluation in result.evaluations}
    if result.comparisons and result.comparisons[0].candidate in named:
        return named[result.comparisons[0].candidate]
    candidates = [evaluation for evaluation in result.evaluations if evaluation.arm.role == "candidate"]
    return next(iter(candidates or result.evaluations), None)


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
