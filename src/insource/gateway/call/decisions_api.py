"""Requests and answers of the two contracts of hosted decision models: typed questions about one input.

Sources: OpenAI's API reference, ``POST /v1/decisions``, with the types of openai-python 3.54; TypeSafe's
System One API, ``POST /v1/systemone``, as Fireworks and Upstage document it too (November 2026). A request is
of the first kind when its questions are a list, of the second when they are an object. Members that say how a
question is worded are not read: a task's model knows its one question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

DECISIONS_PATH, SYSTEM_ONE_PATH = "/v1/decisions", "/v1/systemone"
DECISION_PATHS = (DECISIONS_PATH, SYSTEM_ONE_PATH)
MAX_QUESTIONS, MAX_OPTIONS = 400, 255

Option = str | bool
_KINDS: dict[str, Literal["predicate", "choice", "score"]] = {
    "predicate": "predicate",
    "noul": "predicate",
    "choice": "choice",
    "score": "score",
}


class Question(NamedTuple):
    """One question. The options of a predicate are true and false, those of a score its levels in order."""

    name: str | None
    kind: Literal["predicate", "choice", "score"]
    options: tuple[Option, ...]


class DecisionRequest(NamedTuple):
    """``document`` is the text that the questions are about, None if the input is more than one text."""

    path: str
    document: str | None
    questions: tuple[Question, ...]


class Decided(NamedTuple):
    """A question with the probability of each of its options, in their order; they sum to 1."""

    question: Question
    shares: tuple[float, ...]


def decisions_of(document: Mapping[str, Any]) -> DecisionRequest:
    """Return a parsed body as a request of either contract.

    Raises:
        ValueError: it is neither; the message says what is wrong.
    """
    questions = document.get("questions")
    if isinstance(questions, list):
        path, text = DECISIONS_PATH, _text_of(document.get("input"))
        found = [_question(one, _name(one)) for one in questions]
    elif isinstance(questions, dict):
        path, text = SYSTEM_ONE_PATH, _state_of(document.get("state"))
        found = [_question(one, name) for name, one in questions.items()]
    else:
        raise ValueError("`questions` has to be a list or an object of questions")
    if not 1 <= len(found) <= MAX_QUESTIONS:
        raise ValueError(f"a request has between 1 and {MAX_QUESTIONS} questions")
    return DecisionRequest(path, text, tuple(found))


def _name(question: Any) -> str | None:
    name = question.get("name") if isinstance(question, dict) else None
    return name if isinstance(name, str) else None


def _question(given: Any, name: str | None) -> Question:
    kind = _KINDS.get(str(given.get("type"))) if isinstance(given, dict) else None
    if kind is None:
        raise ValueError("a question has the type predicate (noul), choice or score")
    if kind == "predicate":
        return Question(name, kind, (True, False))
    options = _options(given, kind)
    if not 2 <= len(options) <= MAX_OPTIONS or len({(type(one), one) for one in options}) != len(options):
        raise ValueError(f"a {kind} has between 2 and {MAX_OPTIONS} different options")
    return Question(name, kind, tuple(options))


def _options(given: Mapping[str, Any], kind: str) -> list[Option]:
    criteria = given.get("criteria")
    if kind == "choice" and isinstance(criteria, dict):
        return list(criteria)
    if kind == "score" and isinstance(criteria, list):
        return [_spelled(one) for one in criteria]
    member, key = ("choices", "value") if kind == "choice" else ("levels", "label")
    listed = given.get(member)
    found = [one.get(key) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    options = [one for one in found if isinstance(one, Option)]
    if not isinstance(listed, list) or len(options) < len(listed):
        raise ValueError(f"a {kind} has `{member}`, each with a `{key}`")
    return options


def _text_of(given: Any) -> str | None:
    """Return the input of ``/v1/decisions``: a text, or one message of the user with one text in it."""
    if given is None:
        raise ValueError("`input` is missing")
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], dict):
        message = given[0]
        given = message.get("content") if message.get("role") == "user" else None
        if isinstance(given, list) and len(given) == 1 and isinstance(given[0], dict):
            given = given[0].get("text") if given[0].get("type") == "input_text" else None
    return given if isinstance(given, str) else None


def _state_of(given: Any) -> str:
    """Return the state of ``/v1/systemone``: a text, or JSON as text."""
    if given is None:
        raise ValueError("`state` is missing")
    return _spelled(given)


def _spelled(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def decisions_body(path: str, decided: Sequence[Decided], model: str, identifier: str) -> bytes:
    """Return the answers as the document of the contract at ``path``. No token was used."""
    if path == SYSTEM_ONE_PATH:
        answers: Any = {one.question.name: _system_one(one) for one in decided}
        usage: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0}
        found = {"id": identifier, "model": model, "answers": answers, "usage": usage}
        return msgspec.json.encode(found)
    usage = {
        "input_tokens": 0,
        "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }
    return msgspec.json.encode(
        {"model": model, "answers": [_decision(one) for one in decided], "usage": usage}
    )


def _decision(one: Decided) -> dict[str, Any]:
    question, shares = one
    found: dict[str, Any] = {"type": question.kind, "name": question.name}
    if question.kind == "predicate":
        return found | {"probability": shares[0]}
    found |= {"confidence": _confidence(shares)}
    if question.kind == "choice":
        listed = [{"value": v, "probability": p} for v, p in zip(question.options, shares, strict=True)]
        return found | {"choice": question.options[_best(shares)], "probabilities": listed}
    levels = [
        {"value": at, "label": label, "probability": share}
        for at, (label, share) in enumerate(zip(question.options, shares, strict=True))
    ]
    return found | {"score": _expected(shares), "probabilities": levels}


def _system_one(one: Decided) -> dict[str, Any]:
    question, shares = one
    if question.kind == "predicate":
        return {"type": "noul", "noul": shares[0]}
    found = {"type": question.kind, "confidence": _confidence(shares)}
    if question.kind == "choice":
        by_option = dict(zip(map(str, question.options), shares, strict=True))
        return found | {"choice": question.options[_best(shares)], "probabilities": by_option}
    return found | {
        "score": _expected(shares),
        "legend": {str(at): option for at, option in enumerate(question.options)},
        "probabilities": {str(at): share for at, share in enumerate(shares)},
    }


def _best(shares: Sequence[float]) -> int:
    return max(range(len(shares)), key=shares.__getitem__)


def _expected(shares: Sequence[float]) -> float:
    """Return the expected level, counted from 0."""
    return sum(at * share for at, share in enumerate(shares))


def _confidence(shares: Sequence[float]) -> float:
    """Return the contract's confidence: 1 when one of n options has all probability, 0 when all have 1/n."""
    return max(0.0, (len(shares) * max(shares) - 1) / (len(shares) - 1))
