"""A model whose answers state their learned confidence."""

from __future__ import annotations

from collections.abc import Callable

from insource.foundation.errors import InsourceError, ProviderError
from insource.models.protocol import Model, ModelInfo, Request
from insource.routing.fields.model import FieldConfidence
from insource.types import Completion, OutputSpec


class StatingModel:
    """Asks another model, and states the learned confidence of its answers and of their fields.

    ``judge`` states the confidence from which the learned one follows, where the model does not state it.
    ``second`` answers a document for ``FieldConfidence.second_look``.
    """

    def __init__(
        self,
        model: Model,
        judge: Callable[[Completion], Completion],
        confidence: FieldConfidence,
        output: OutputSpec,
        second: Callable[[str], Completion] | None = None,
    ) -> None:
        self._model = model
        self._judge = judge
        self._confidence = confidence
        self._output = output
        self._second = second

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Answer a request. An answer that cannot be judged comes without a confidence.

        Raises:
            ProviderError: as the model does.
        """
        completion = self._model.generate(request)
        try:
            completion = self._judge(completion)
        except InsourceError:
            return completion  # whoever needs its confidence asks again, and is told why there is none
        document = request.messages[-1].content if request.document is None else request.document
        return self._confidence.stated(document, completion, self._output, self._looked(document))

    def _looked(self, document: str) -> Completion | None:
        try:
            return self._second(document) if self._second is not None else None
        except ProviderError:
            return None
