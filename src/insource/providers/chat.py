"""Parse OpenAI chat completions and legacy completions, as compatible servers send them."""

from __future__ import annotations

from typing import Any

from insource.providers.deltas import Pieces, joined, merge
from insource.providers.dialect import Dialect, dicts, error_of, finish_of, string
from insource.providers.usage import merged, read_usage
from insource.types import Usage

_PADDING = "obfuscation"  # random padding that hides the length of encrypted chunks; no content
_READ_APART = {"index", "delta", "message", "finish_reason"}
_PLAIN_CHUNK = len(("index", "delta", "logprobs", "finish_reason"))


class ChatDialect(Dialect):
    """``text`` is the text of the first choice; ``response`` has every choice."""

    def __init__(self) -> None:
        super().__init__()
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._said: list[str] = []
        self._whole: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        return "".join(self._said)

    @property
    def usage(self) -> Usage:
        return read_usage(self._reported_usage(), cache_apart=False)

    @property
    def finished(self) -> bool:
        choices = self._choices.values()
        return bool(choices) and all(choice.get("finish_reason") for choice in choices)

    @property
    def response(self) -> dict[str, Any] | None:
        if self._whole is not None:
            return self._whole
        if not self._head and not self._choices:
            return None
        head = {key: value for key, value in self._head.items() if key != _PADDING}
        kind = string(head.get("object"))
        head["object"] = kind.removesuffix(".chunk") or "chat.completion"
        head["choices"] = [_built(index, choice) for index, choice in sorted(self._choices.items())]
        return head

    def _document(self, document: dict[str, Any]) -> None:
        self._whole = self._head = document
        self._about(document)
        self.answered = bool(dicts(document.get("choices"))) or self.usage.output_tokens is not None
        for choice in dicts(document.get("choices")):
            if choice.get("index", 0) == 0:
                self.finish_reason = finish_of(choice.get("finish_reason"))
                message = choice.get("message")
                said = message.get("content") if isinstance(message, dict) else choice.get("text")
                self._said.append(_plain(said))
                break

    def _event(self, document: dict[str, Any]) -> str:
        choices = document.pop("choices", None)
        if None in document.values():  # a null must not overwrite an earlier value
            document = {key: value for key, value in document.items() if value is not None}
        if "usage" in document:
            document["usage"] = merged(self._head.get("usage"), document["usage"])
        self._head.update(document)
        self._about(document)
        if not isinstance(choices, list):
            return ""
        if len(choices) == 1 and isinstance(choices[0], dict):
            return self._choice(choices[0])
        return "".join([self._choice(choice) for choice in choices if isinstance(choice, dict)])

    def _about(self, document: dict[str, Any]) -> None:
        self.model = string(document.get("model")) or self.model
        if document.get("error"):
            self.error = error_of(document)

    def _choice(self, chunk: dict[str, Any]) -> str:
        index = chunk.get("index", 0)
        if not isinstance(index, int):
            return ""
        self.answered = True
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = {"index": index}
        elif text := _plain_growth(choice, chunk):
            if index == 0:
                self._said.append(text)
                return text
            return ""
        said: Any = chunk.get("text")
        if "delta" in chunk or "message" in chunk:
            said = _merge_message(choice, chunk.get("delta") or chunk.get("message"))
        if "finish_reason" in chunk and (chunk["finish_reason"] or "finish_reason" not in choice):
            choice["finish_reason"] = chunk["finish_reason"]
        merge(choice, {key: value for key, value in chunk.items() if key not in _READ_APART})
        if index != 0:
            return ""
        self.finish_reason = finish_of(choice.get("finish_reason"))
        text = _plain(said)
        self._said.append(text)
        return text

    def _reported_usage(self) -> Any:
        """Some servers report usage beside the choices, others inside a choice or under their own key."""
        usage = self._head.get("usage")
        if isinstance(usage, dict):
            return usage
        elsewhere = [self._head.get("x_groq"), self._choices.get(0)]
        return next(
            (place["usage"] for place in elsewhere if isinstance(place, dict) and "usage" in place), None
        )


def _merge_message(choice: dict[str, Any], delta: Any) -> Any:
    """Add a delta to the choice's message; return its content."""
    if not isinstance(delta, dict):
        return None
    message = choice.get("message")
    if not isinstance(message, dict):
        message = choice["message"] = {}
    merge(message, delta)
    return delta.get("content")


def _plain_growth(choice: dict[str, Any], chunk: dict[str, Any]) -> str:
    """Fast path for the common chunk that only adds content; return that content, or "" for other chunks."""
    delta = chunk.get("delta")
    if type(delta) is not dict or len(delta) != 1 or len(chunk) > _PLAIN_CHUNK:
        return ""
    content = delta.get("content")
    if type(content) is not str or chunk.get("finish_reason") or chunk.get("logprobs"):
        return ""
    message = choice.get("message")
    known = message.get("content") if type(message) is dict else None
    if type(known) is not Pieces:
        return ""
    known.append(content)
    return content


def _built(index: int, choice: dict[str, Any]) -> dict[str, Any]:
    built: dict[str, Any] = joined(choice)
    message = built.get("message")
    if isinstance(message, dict):
        for call in dicts(message.get("tool_calls")):
            call.pop("index", None)  # it only ordered the deltas
    return built | {"index": index}


def _plain(content: Any) -> str:
    """Return content that is text, or the joined text parts."""
    if isinstance(content, str):
        return content
    return "".join(string(part.get("text")) for part in dicts(content) if part.get("type") == "text")
