"""Read and write a row's cloud answers: a text, or why there is none that can be used."""

from __future__ import annotations

from typing import Any

from insource.formats.strict_json import kind_of
from insource.providers.dialect import finish_of
from insource.types import Example, LoggedAnswer
from insource.types.dataset import ENDED_BADLY

NO_ANSWER = "no answer"
ERROR = "error: "
_KEYS = frozenset({"text", "error", "finish_reason"})


def answers_in(value: Any) -> dict[str, LoggedAnswer]:
    """Return ``cloud_outputs`` of a record by model, without latencies; empty for None.

    A value is the answer's text; null when none came; or an object with ``text``, ``error`` and
    ``finish_reason``, in the words of any provider. An answer that failed keeps no text.

    Raises:
        ValueError: with the reason in words.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"`cloud_outputs` is {kind_of(value)}, not an object of answers by model")
    return {model: _answer(model, said) for model, said in sorted(value.items())}


def _answer(model: str, said: Any) -> LoggedAnswer:
    if isinstance(said, str):
        return LoggedAnswer(text=said)
    if said is None:
        return LoggedAnswer(text="", failure=NO_ANSWER)
    valid = isinstance(said, dict) and said and said.keys() <= _KEYS
    if not valid or not all(isinstance(one, str | None) for one in said.values()):
        raise ValueError(
            f"`cloud_outputs` of {model} is {kind_of(said)}: write the answer's text, null, or an object of "
            "the texts `text`, `error` and `finish_reason`"
        )
    text, error = said.get("text"), said.get("error")
    if error:
        return LoggedAnswer(text="", failure=f"{ERROR}{error}")
    failure = ENDED_BADLY.get(finish_of(said.get("finish_reason")), NO_ANSWER if text is None else "")
    return LoggedAnswer(text="" if failure else text or "", failure=failure)


def answers_of(example: Example) -> dict[str, Any]:
    """Return an example's cloud answers as ``answers_in`` reads them."""
    failed = {model: _written(reason) for model, reason in example.cloud_failures.items()}
    return dict(sorted({**example.cloud_outputs, **failed}.items()))


def _written(failure: str) -> dict[str, str] | None:
    if failure == NO_ANSWER:
        return None
    for reason, words in ENDED_BADLY.items():
        if failure == words:
            return {"finish_reason": reason}
    return {"error": failure.removeprefix(ERROR)}
