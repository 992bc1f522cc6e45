"""A fitted model behind the interface of every model."""

from __future__ import annotations

import time

from insource.models.fitted.protocol import Fitted
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Task


class FittedModel:
    """Answers the document of a request; the prompt, the grammar and the seed mean nothing to it."""

    def __init__(self, name: str, fitted: Fitted) -> None:
        self._info = ModelInfo(name=name, local=True)
        self._fitted = fitted

    @property
    def info(self) -> ModelInfo:
        return self._info

    def generate(self, request: Request) -> Completion:
        """Return the answer with its confidence. Without ``request.document``, the last message is it."""
        document = request.messages[-1].content if request.document is None else request.document
        begun = time.perf_counter()
        answer = self._fitted.answer(document, request.attributes)
        return Completion(
            text=answer.text,
            model=self._info.name,
            latency_s=time.perf_counter() - begun,
            confidence=answer.confidence,
            field_confidences=dict(answer.field_confidences),
            label_probabilities=dict(answer.label_probabilities),
        )


def request_to(task: Task, document: str, attributes: tuple[str, ...] | None = None) -> Request:
    """Return the request for a model that reads the document itself; the messages are for the record."""
    return Request(
        messages=task.messages(document, attributes=attributes),
        max_tokens=1,
        document=document,
        attributes=attributes,
    )
