"""A language model behind a prompt: it gets a document and asks the model with everything around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from insource.models.prompting.lookup import Examples, Knowledge
from insource.models.prompting.prompt import Passage, Prompt, Shot
from insource.models.protocol import Model, ModelInfo, Request
from insource.types import Completion, Message

CountTokens = Callable[[Sequence[Message]], int]


class Prompting(NamedTuple):
    """A prompt with the rows and passages that it shows."""

    prompt: Prompt
    examples: Examples = Examples(())
    knowledge: Knowledge | None = None


class Shown(NamedTuple):
    """The prompt of one document, and what stands in it beside the document.

    ``left_out`` counts the examples that were chosen and did not fit.
    """

    messages: tuple[Message, ...]
    shots: tuple[Shot, ...]
    passages: tuple[Passage, ...]
    left_out: int


class PromptedModel:
    """Expands the plain request for a document into the whole prompt, and asks ``model``.

    ``count_tokens`` counts the tokens of a prompt as ``model`` reads it. Where examples and passages do not
    fit into the context, the least similar examples are left out first, then the least similar passages.
    """

    def __init__(self, model: Model, prompting: Prompting, count_tokens: CountTokens) -> None:
        self._model = model
        self._prompting = prompting
        self._count_tokens = count_tokens

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Answer the document; the grammar and the wish for log-probabilities are those of the request.

        Without ``request.document``, the last message is the document. ``latency_s`` includes the look-up.

        Raises:
            ProviderError: as ``model`` does.
        """
        begun = time.monotonic()
        whole = request.model_copy(
            update={
                "messages": self.shown(request).messages,
                "max_tokens": self._prompting.prompt.max_tokens,
                "grammar": request.grammar if self._prompting.prompt.constrained else None,
            }
        )
        answer = self._model.generate(whole)
        return answer.model_copy(update={"latency_s": time.monotonic() - begun})

    def shown(self, request: Request) -> Shown:
        """Return the whole prompt for the document of a request, cut to what fits into the context."""
        prompt, examples, knowledge = self._prompting
        document = request.messages[-1].content if request.document is None else request.document
        # The turns of an example do not say which schema it follows, so a document with its own gets none.
        shots = examples.for_document(document, prompt.shots) if request.contract is None else ()
        passages = knowledge.for_document(document, prompt.passages) if knowledge else ()
        wanted = len(shots)
        while True:
            whole = prompt.messages(
                document,
                attributes=request.attributes,
                contract=request.contract,
                shots=shots,
                passages=passages,
            )
            if not (shots or passages) or self._fits(whole):
                return Shown(whole, shots, passages, wanted - len(shots))
            shots, passages = (shots[1:], passages) if shots else (shots, passages[:-1])

    def _fits(self, messages: Sequence[Message]) -> bool:
        room = self._prompting.prompt.context_tokens - self._prompting.prompt.max_tokens
        return self._count_tokens(messages) <= room
