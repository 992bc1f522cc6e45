"""The request bodies of the two contracts. ``answers.read_decisions`` reads the answers of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from insource.models.decisions.questions import Question

Contract = Literal["openai", "systemone"]


class Wire(NamedTuple):
    """A contract: the path below the base URL, and the body of a request."""

    path: str
    body: Callable[[str, str, Sequence[Question]], dict[str, Any]]


def openai_body(model: str, document: str, questions: Sequence[Question]) -> dict[str, Any]:
    """Return the body of ``POST /v1/decisions``: a list of named questions about one input."""
    return {"model": model, "input": document, "questions": [_openai(one) for one in questions]}


def _openai(question: Question) -> dict[str, Any]:
    head = {"name": question.name, "instructions": question.instructions}
    if not question.options:
        return {"type": "predicate", **head}
    choices = [
        {"value": option, "description": about} if about else {"value": option}
        for option, about in question.described()
    ]
    return {"type": "choice", **head, "choices": choices}


def systemone_body(model: str, document: str, questions: Sequence[Question]) -> dict[str, Any]:
    """Return the body of ``POST /v1/systemone``: questions by name about one state."""
    return {
        "model": model,
        "state": document,
        "questions": {one.name: _systemone(one) for one in questions},
    }


def _systemone(question: Question) -> dict[str, Any]:
    if not question.options:
        return {"type": "noul", "instructions": question.instructions}
    criteria = {option: about or None for option, about in question.described()}
    return {"type": "choice", "instructions": question.instructions, "criteria": criteria}


WIRES: dict[Contract, Wire] = {
    "openai": Wire("decisions", openai_body),
    "systemone": Wire("systemone", systemone_body),
}
