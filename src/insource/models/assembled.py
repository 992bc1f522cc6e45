"""Several models, each answering the fields that it is best at; one JSON answer comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from insource.contract.answers import read_answer
from insource.contract.validate import fits
from insource.foundation.errors import ProviderError
from insource.models.protocol import Model, ModelInfo, Request
from insource.types import Completion, JsonSchema

Value = TypeVar("Value")


class AskedModel:
    """A model with its own way to be asked about a document, and to be judged in how sure it is."""

    def __init__(
        self,
        model: Model,
        ask: Callable[[str], Request],
        judge: Callable[[Completion], Completion],
    ) -> None:
        self._model = model
        self._ask = ask
        self._judge = judge

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Ask about the document of ``request``. Raises as the model does."""
        document = request.messages[-1].content if request.document is None else request.document
        return self._judge(self._model.generate(self._ask(document)))


class AssembledModel:
    """Takes each top-level field from the model that ``source`` names, and the rest from the first model.

    ``source`` maps a field to an index of ``models``. The answer is the first model's where another model has
    no readable answer, or where the assembled object breaks the schema and the first model's does not.
    """

    def __init__(
        self, name: str, models: Sequence[Model], source: Mapping[str, int], output: JsonSchema
    ) -> None:
        self._models = models
        self._source = source
        self._output = output
        self._info = ModelInfo(
            name=name,
            local=all(model.info.local for model in models),
            simulated=any(model.info.simulated for model in models),
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def generate(self, request: Request) -> Completion:
        """Return the assembled answer. Its confidence is the least of those that it is made of.

        Raises:
            ProviderError: the first model has no answer.
        """
        first = self._models[0].generate(request)
        answer = self._object(first)
        if answer is None:
            return first
        used, assembled, by = [first], dict(answer), dict.fromkeys(answer, first)
        for index in sorted(set(self._source.values()) - {0}):
            try:
                completion = self._models[index].generate(request)
            except ProviderError:
                continue
            if (other := self._object(completion)) is None:
                continue
            used.append(completion)
            fields = [name for name, at in self._source.items() if at == index and name in other]
            assembled |= {name: other[name] for name in fields}
            by |= dict.fromkeys(fields, completion)
        schema = self._output.definition
        if not fits(assembled, schema) and fits(answer, schema):
            assembled, by = answer, dict.fromkeys(answer, first)
        return _completion(self._info.name, assembled, used, by)

    def _object(self, completion: Completion) -> dict[str, Any] | None:
        value = read_answer(completion.text, self._output).value
        return value if isinstance(value, dict) else None


def _stated(
    by: Mapping[str, Completion], stated: Callable[[Completion], Mapping[str, Value]]
) -> dict[str, Value]:
    """Return what is stated of the fields and of what is in them, each by the model that answered it."""
    return {
        path: value
        for name, completion in by.items()
        for path, value in stated(completion).items()
        if path == name or path.startswith((f"{name}.", f"{name}["))
    }


def _completion(
    name: str, answer: dict[str, Any], used: Sequence[Completion], by: Mapping[str, Completion]
) -> Completion:
    sure = [one.confidence for one in used if one.confidence is not None]
    seconds = [one.latency_s for one in used if one.latency_s is not None]
    return Completion(
        text=json.dumps(answer, ensure_ascii=False, separators=(",", ":")),
        model=name,
        latency_s=sum(seconds) if len(seconds) == len(used) else None,
        confidence=min(sure) if len(sure) == len(used) else None,
        field_confidences=_stated(by, lambda one: one.field_confidences),
        field_evidence=_stated(by, lambda one: one.field_evidence),
    )
