"""Parse the answers of decision models: OpenAI's ``/v1/decisions`` and TypeSafe's ``/v1/systemone``."""

from __future__ import annotations

import json
from typing import Any

from insource.models.decisions.answers import Decided, option_text, read_decisions
from insource.providers.dialect import Dialect, error_of, string
from insource.providers.usage import read_usage
from insource.types import Usage


class DecisionsDialect(Dialect):
    """``text`` is what was decided: the value of one answer as it stands, or an object of several by name."""

    def __init__(self) -> None:
        super().__init__()
        self._whole: dict[str, Any] | None = None
        self._decided: tuple[Decided, ...] = ()

    @property
    def text(self) -> str:
        decided = [one for one in self._decided if one.value is not None]
        if len(self._decided) == 1 and decided:
            value = decided[0].value
            return option_text(value) if isinstance(value, str | bool) else json.dumps(value)
        return json.dumps({one.name: one.value for one in decided}, ensure_ascii=False) if decided else ""

    @property
    def response(self) -> dict[str, Any] | None:
        return self._whole

    @property
    def usage(self) -> Usage:
        """What is written is a handful of numbers: where the provider leaves its count out, it is 0."""
        usage = read_usage((self._whole or {}).get("usage"), cache_apart=False)
        if usage.input_tokens is None or usage.output_tokens is not None:
            return usage
        return usage.model_copy(update={"output_tokens": 0})

    def _document(self, document: dict[str, Any]) -> None:
        self._whole = document
        self.model = string(document.get("model"))
        self.error = error_of(document)
        self._decided = read_decisions(document)
        self.answered = bool(self._decided)
        if self.answered:
            refused = any(one.kind == "refusal" for one in self._decided)
            self.finish_reason = "content_filter" if refused else "stop"
