"""Samples of lm-eval: the file ``samples_<task>_<time>.jsonl`` of ``lm_eval --log_samples``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.evaluation.predictions.prediction import Prediction, as_text

_METRICS = ("exact_match", "acc", "acc_norm")


def is_lm_eval(record: Mapping[str, Any]) -> bool:
    """Return whether a line has a sample of lm-eval."""
    return {"doc_id", "filtered_resps"} <= record.keys()


def from_records(records: list[Mapping[str, Any]], model: str) -> Iterator[Prediction]:
    """Yield the predictions under the first filter. ``model`` names them: the file does not.

    The answer to a question of choice is the place of the likeliest choice, as the target is.
    """
    first = next((record.get("filter") for record in records), None)
    for record in records:
        if record.get("filter") != first:
            continue
        judged = next((record[name] for name in _METRICS if name in record), None)
        yield Prediction(
            id=str(record["doc_id"]),
            model=model,
            output=_answer(record["filtered_resps"]),
            target=as_text(record.get("target")),
            right=None if judged is None else float(judged) >= 1,
        )


def _answer(responses: Any) -> str | None:
    if not isinstance(responses, list) or not responses:
        return None
    pairs = [one for one in responses if isinstance(one, list) and one and isinstance(one[0], int | float)]
    if len(pairs) == len(responses) > 1:  # a log-likelihood for each choice
        return str(max(range(len(pairs)), key=lambda place: float(pairs[place][0])))
    return as_text(responses[0])
