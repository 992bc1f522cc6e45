"""The metrics and the statistical terms of the report, each with its meaning in a sentence."""

from __future__ import annotations

from typing import NamedTuple


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
        "Invented per document",
        "Fields per document that were filled although their label is empty.",
        lower_is_better=True,
        ratio=False,
    ),
    "unsupported_rate": Metric(
        "Not found in the document",
        "Share of the given values that no rung of the grounding ladder finds in their own document.",
        lower_is_better=True,
    ),
    "source_invention_rate": Metric(
        "Invented, by the document",
        "The same share, corrected for labels that are not found and for other documents' values that are.",
        lower_is_better=True,
    ),
    "surface_consistency": Metric(
        "Surface consistency", "Share of the values of a field that are written in its most common pattern."
    ),
    "run_agreement": Metric(
        "Repeat agreement", "Share of documents whose answers are identical when they are asked again."
    ),
    "abstention_rate": Metric(
        "Abstentions", "Share of the fields for which no answer was given on purpose.", lower_is_better=True
    ),
    "correction_cost": Metric(
        "Correction cost",
        "Declared cost of correcting a document's answer.",
        lower_is_better=True,
        ratio=False,
    ),
    "out_of_scope_recall": Metric(
        "Out of scope, recall", "Share of the documents without a fitting label that were recognised."
    ),
    "out_of_scope_precision": Metric(
        "Out of scope, precision", "Share of the documents called out of scope that are."
    ),
    "required_facts": Metric("Required facts", "Share of a document's required facts that the answer holds."),
    "token_f1": Metric("Token F1", "F1 of the words that answer and reference share."),
    "chrf": Metric("chrF", "F-score of the character sequences that answer and reference share."),
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

DECISION_TERMS: dict[str, str] = {
    "Today": "What answers now. Differences and savings are against it.",
    "Reference": "The cheapest way to stay in the cloud that is not worse. Break-even, payback and net "
    "present value of a model of one's own are against it.",
    "Holds, open, fails": "As good as today, shown or by construction; not shown either way; shown to be "
    "worse.",
    "Draw": "One value for every input, drawn from its range. A figure of money is the median of the draws, "
    "and its interval [low, high] holds 95 % of them.",
    "Net present value": "What is saved over the horizon; later months count less, by the discount rate.",
    "Break-even volume": "Documents a month from which a month costs less. What the start costs is not in "
    "it.",
    "Payback": "The discounted savings have paid for the start.",
    "Flips": "The value of one input, all others as stated, at which the net present value changes its sign.",
}
