"""Read the answers of a decision model, whichever contract the document has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

Kind = Literal["predicate", "choice", "score", "refusal"]
SURE = 0.5
"""A predicate holds from this probability."""

_KINDS: dict[str, Kind] = {
    "predicate": "predicate",
    "noul": "predicate",  # System One's name
    "choice": "choice",
    "score": "score",
    "refusal": "refusal",
}


class Decided(NamedTuple):
    """The answer to one question.

    ``value`` is whether a predicate holds, the chosen option, or the expected level of a score; None for a
    refusal. ``probabilities`` are those of all options as text, as far as they were given: ``true`` and
    ``false``, the choices, the levels.
    """

    name: str
    kind: Kind
    value: str | bool | float | None
    probabilities: Mapping[str, float]


def read_decisions(document: Mapping[str, Any]) -> tuple[Decided, ...]:
    """Return the answers that can be read, in their order: a list with names (OpenAI), or an object by name.

    An answer of an unknown kind, or without its value, is left out. Never raises.
    """
    found = (_decided(name, answer) for name, answer in _named(document.get("answers")))
    return tuple(one for one in found if one is not None)


def option_text(value: str | bool) -> str:
    """Return an option as text; a boolean as JSON writes it."""
    return value if isinstance(value, str) else str(value).lower()


def _named(answers: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(answers, Mapping):
        yield from ((name, one) for name, one in answers.items() if isinstance(one, dict))
    elif isinstance(answers, list):
        for number, one in enumerate(answers, 1):
            if isinstance(one, dict):
                name = one.get("name")
                yield (name if isinstance(name, str) and name else str(number)), one


def _decided(name: str, answer: dict[str, Any]) -> Decided | None:
    named = answer.get("type")
    kind = _KINDS.get(named) if isinstance(named, str) else None
    if kind == "refusal":
        return Decided(name, kind, None, {})
    if kind == "predicate":
        probability = _probability(answer.get("probability", answer.get("noul")))
        if probability is None:
            return None
        return Decided(name, kind, probability >= SURE, {"true": probability, "false": 1 - probability})
    if kind == "choice" and isinstance(choice := answer.get("choice"), str | bool):
        return Decided(name, kind, choice, _distribution(answer))
    score = answer.get("score")
    if kind == "score" and isinstance(score, int | float) and math.isfinite(score):
        return Decided(name, kind, score, _distribution(answer))
    return None


def _distribution(answer: dict[str, Any]) -> dict[str, float]:
    given = answer.get("probabilities")
    if isinstance(given, Mapping):
        pairs = list(given.items())
    else:
        listed = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        pairs = [(one.get("label", one.get("value")), one.get("probability")) for one in listed]
    return {
        option_text(option): probability
        for option, value in pairs
        if isinstance(option, str | bool) and (probability := _probability(value)) is not None
    }


def _probability(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= 1 else None
