"""A model behind the engine whose answers are held to their documents."""

from __future__ import annotations

from pathlib import Path

from insource.models.grounding.grounding import Grounding
from insource.models.protocol import Model, ModelInfo, Request
from insource.routing.confidence import judged, load_tokenizer
from insource.types import Completion, JsonSchema, Task


class GroundedModel:
    """Asks another model under the grammar of each request's document, and states the confidence.

    Only the grammar that held the answer can judge it, and it differs from document to document.
    ``tokenizer`` is the ``tokenizer.json`` of the model.
    """

    def __init__(self, model: Model, task: Task, grounding: Grounding, tokenizer: Path) -> None:
        self._model = model
        self._task = task
        self._grounding = grounding
        self._tokenizer = tokenizer

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Answer a request that names its document; any other is passed on as it is."""
        if request.document is None or not isinstance(self._task.output, JsonSchema):
            return self._model.generate(request)
        schema = request.contract or self._task.output.generated
        grammar = self._grounding.grammar(schema, request.document)
        completion = self._model.generate(request.model_copy(update={"grammar": grammar}))
        return judged(completion, grammar, load_tokenizer(self._tokenizer), self._task.output)
