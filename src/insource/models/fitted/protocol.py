"""The interface of a fitted model: a document in, an answer with its confidence out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol, Self


class Answer(NamedTuple):
    """What a fitted model answers, as text: a label, or JSON with the schema's keys in their order.

    The other fields are those of ``Completion``.
    """

    text: str
    confidence: float | None = None
    field_confidences: Mapping[str, float] = {}
    label_probabilities: Mapping[str, float] = {}


class Fitted(Protocol):
    """A model that was fitted to a task's rows. What fits it stands in ``arms/``; this only answers.

    Its files hold numbers and texts, never pickled objects, so that a file from elsewhere runs no code.
    ``kind`` names it in the file and in ``registry.KINDS``. ``answer`` is called from several threads at
    once. ``embeds`` says that it needs the sentence embeddings: an exported package then brings their files.
    """

    kind: ClassVar[str]

    @property
    def embeds(self) -> bool: ...

    def answer(self, document: str, attributes: Sequence[str] | None = None) -> Answer:
        """Answer one document. ``attributes`` are the fields asked for; None means all. Never raises."""
        ...

    def save(self, folder: Path) -> None:
        """Write the files of this model into ``folder``, which exists."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the files that ``save`` wrote."""
        ...
