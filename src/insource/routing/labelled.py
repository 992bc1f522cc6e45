"""A model behind the engine that states the probabilities of all labels of its task."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from insource.models.engines.label_shares import MOST_REQUESTS, SharesLabels
from insource.models.protocol import Model, ModelInfo, Request
from insource.routing.confidence import judged
from insource.routing.vocabulary import tokenizer_of
from insource.types import Completion, Labels, Task

ENGINES = frozenset({"llamacpp", "llama-server"})  # those whose probabilities can be asked for token by token


class EngineLabels(Model, SharesLabels, Protocol):
    """A model that also knows the probabilities of labels."""


class LabelledModel:
    """Asks another model, and states the probabilities of the labels beside the answer.

    ``by_tokens`` keeps the confidence that the tokens of the answer give, for a policy that was calibrated on
    it; otherwise the probability of the answered label is the confidence. It is 0 in any case where the model
    wanted what the grammar forbids: the labels' share of what is left says nothing then. ``gguf`` has the
    vocabulary.
    """

    def __init__(self, model: EngineLabels, labels: tuple[str, ...], gguf: Path, *, by_tokens: bool) -> None:
        self._model = model
        self._labels = labels
        self._gguf = gguf
        self._by_tokens = by_tokens
        self._lock = threading.Lock()
        self._documents = self._requests = 0

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    @property
    def cost(self) -> str:
        """What the probabilities cost until now, in words; empty without any."""
        with self._lock:
            if not self._documents:
                return ""
            each = self._requests / self._documents
            return (
                f"Probabilities over {len(self._labels):,} labels took {each:.2f} further requests of one "
                f"token a document (at most {MOST_REQUESTS}), over {self._documents:,} documents."
            )

    def generate(self, request: Request) -> Completion:
        """Answer a request under the grammar of the labels. Raises as the model does."""
        answer = self._model.generate(request)
        if request.grammar is None or not answer.tokens:
            return answer
        tokenizer = tokenizer_of(self._gguf)
        answer = judged(answer, request.grammar, tokenizer)
        if answer.text not in self._labels or answer.confidence is None:
            return answer
        shares, requests = self._model.label_shares(request, self._labels, tokenizer.eos_token, answer)
        with self._lock:
            self._documents, self._requests = self._documents + 1, self._requests + requests
        sure = answer.confidence
        if shares and sure and not self._by_tokens:
            sure = shares.get(answer.text, 0.0)
        return answer.model_copy(update={"label_probabilities": shares, "confidence": sure})


@contextmanager
def labelled(
    model: EngineLabels,
    task: Task,
    gguf: Path,
    engine: str,
    note: Callable[[str], None],
    *,
    by_tokens: bool = False,
) -> Iterator[Model]:
    """Yield the model with the probabilities of its labels, or as it is for other tasks and engines.

    ``note`` gets what they cost at the end. ``engine`` is its kind.
    """
    if not isinstance(task.output, Labels) or engine not in ENGINES:
        yield model
        return
    held = LabelledModel(model, task.output.names, gguf, by_tokens=by_tokens)
    yield held
    if held.cost:
        note(held.cost)
