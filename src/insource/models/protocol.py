"""The interface of every model, local or remote, real or replayed."""

from __future__ import annotations

from typing import Any, Protocol

from insource.types import Completion, Frozen, Message


class Request(Frozen):
    """One request to a model.

    ``grammar`` is a complete llguidance grammar; only local engines apply it. ``json_schema`` is what the
    answer has to fit; only providers with structured outputs apply it. ``top_logprobs`` is the number of
    candidates per token to return (0: no log-probabilities). ``document``, ``attributes`` (the fields asked
    for; None: all) and ``contract`` (the document's own schema) are what the messages were made from, for a
    model that reads no prompt or makes its own.

    Examples:
        >>> from insource import Message, Request
        >>> request = Request(messages=(Message(role="user", content="480 V?"),), max_tokens=32)
        >>> request.temperature
        0.0
    """

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    grammar: str | None = None
    json_schema: dict[str, Any] | None = None
    top_logprobs: int = 0
    document: str | None = None
    attributes: tuple[str, ...] | None = None
    contract: dict[str, Any] | None = None


class ModelInfo(Frozen):
    """The identity of a model. ``simulated`` answers imitate a model and can never support a verdict;
    ``replayed`` ones were given before, so that asking again says nothing about it.

    Examples:
        >>> from insource import ModelInfo
        >>> ModelInfo(name="tuned", local=True).simulated
        False
    """

    name: str
    local: bool
    simulated: bool = False
    replayed: bool = False


class Model(Protocol):
    """A model that answers one request at a time.

    ``generate`` raises ``ProviderError`` when there is no answer. A truncated or malformed answer is still a
    ``Completion``, because it has to be scored.

    Examples:
        Any class with these two members is a model:

        >>> from insource import Completion, Message, Model, ModelInfo, Request
        >>> class Upper:
        ...     info = ModelInfo(name="upper", local=True)
        ...
        ...     def generate(self, request):
        ...         return Completion(text=request.messages[-1].content.upper())
        >>> model: Model = Upper()
        >>> model.generate(Request(messages=(Message(role="user", content="480 v"),), max_tokens=8)).text
        '480 V'
    """

    @property
    def info(self) -> ModelInfo: ...

    def generate(self, request: Request) -> Completion: ...
