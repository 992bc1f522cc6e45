"""A model behind the engine that states how sure the tokens of its answers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from insource.models.protocol import Model, ModelInfo, Request
from insource.routing.confidence import judged
from insource.types import Completion, OutputSpec


class JudgedModel:
    """Asks another model, and states the certainty of each answer while its tokens are there.

    An evaluation keeps no tokens. ``tokenizer`` returns the ``LLTokenizer`` of the model.
    """

    def __init__(self, model: Model, output: OutputSpec, tokenizer: Callable[[], Any]) -> None:
        self._model = model
        self._output = output
        self._tokenizer = tokenizer

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Answer a request; without a grammar or without log-probabilities, nothing is stated.

        Raises:
            ProviderError: as the model does.
            IntegrityError, DataError: as ``judged``.
        """
        completion = self._model.generate(request)
        if request.grammar is None or not completion.tokens:
            return completion
        return judged(completion, request.grammar, self._tokenizer(), self._output)
