"""Join the log's answers to the rows they belong to."""

from __future__ import annotations

from collections.abc import Mapping

from insource.types import LoggedAnswer, Row


def with_logged_answers(row: Row, answers: Mapping[str, LoggedAnswer]) -> Row:
    """Return the row with these answers, by model; they replace the row's own answers of the same model."""
    texts = {model: answer.text for model, answer in answers.items() if not answer.failure}
    failures = {model: answer.failure for model, answer in answers.items() if answer.failure}
    latency_s = {model: answer.latency_s for model, answer in answers.items() if answer.latency_s is not None}
    calls = {model: answer.call for model, answer in answers.items() if answer.call is not None}
    own = {model: text for model, text in row.cloud_outputs.items() if model not in failures}
    failed = {model: why for model, why in row.cloud_failures.items() if model not in texts}
    return row.model_copy(
        update={
            "cloud_outputs": dict(sorted({**own, **texts}.items())),
            "cloud_failures": dict(sorted({**failed, **failures}.items())),
            "cloud_calls": dict(sorted({**row.cloud_calls, **calls}.items())),
            "cloud_latency_s": dict(sorted({**row.cloud_latency_s, **latency_s}.items())),
        }
    )
