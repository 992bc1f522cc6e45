"""Keep each answer under its whole request, so that the same question to the same model is asked once.

An evaluation that is repeated because the scoring changed, or an arm that asks what another one asked, takes
its answers from here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from insource.foundation.canonical import digest
from insource.foundation.files import sync
from insource.models.protocol import Model, ModelInfo, Request
from insource.types import Completion

VERSION = 1
"""Raised when the meaning of what is kept changes: the confidence that an arm gives an answer, above all."""


class KeptAnswer(NamedTuple):
    """An answer, without its tokens, and the confidence that the arm derived from them."""

    completion: Completion
    confidence: float | None


class Answers:
    """The answers of one model in ``folder``, one file a model, one line an answer.

    ``identity`` is whatever determines an answer beside the request: digests of weights and adapter, the name
    of a cloud's model, the versions of the engine. A line that was not written to its end is left out.
    """

    def __init__(self, folder: Path, identity: Mapping[str, str]) -> None:
        self.path = folder / f"{digest([VERSION, dict(identity)])[:32]}.jsonl"
        self.reused = 0
        self._kept: dict[str, KeptAnswer] = {}
        self._lock = threading.Lock()
        if self.path.exists():
            for line in self.path.read_bytes().split(b"\n"):
                self._read(line)

    def _read(self, line: bytes) -> None:
        try:
            held = json.loads(line)
            answer = KeptAnswer(Completion.model_validate(held["completion"]), held["confidence"])
            self._kept[held["request"]] = answer
        except (ValueError, KeyError, TypeError):
            return  # torn by a killed process: asked again

    def get(self, request: Request) -> KeptAnswer | None:
        """Return the kept answer to this request, and count it as reused."""
        found = self._kept.get(_key(request))
        with self._lock:
            self.reused += found is not None
        return found

    def keep(self, request: Request, answer: KeptAnswer) -> None:
        """Append an answer."""
        key = _key(request)
        held = {
            "request": key,
            "completion": answer.completion.model_dump(mode="json", exclude_defaults=True),
            "confidence": answer.confidence,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self.path.open("ab") as file:
            # The line break comes first too, so that a torn line before does not take this one with it.
            file.write(b"\n" + json.dumps(held, ensure_ascii=True).encode() + b"\n")
        self._kept[key] = answer

    def sync(self) -> None:
        """Synchronise what was appended."""
        if self.path.exists():
            with self.path.open("ab") as file:
                sync(file)


def _key(request: Request) -> str:
    return digest(request.model_dump(mode="json"))


class OpenedWhenAsked:
    """A model that is opened at the first question: where every answer is kept, no engine starts."""

    def __init__(self, opening: Callable[[], AbstractContextManager[Model]]) -> None:
        self._opening = opening
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._model: Model | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def info(self) -> ModelInfo:
        return self._opened().info

    def generate(self, request: Request) -> Completion:
        """Return the model's answer. Raises what the model raises."""
        return self._opened().generate(request)

    def _opened(self) -> Model:
        with self._lock:
            if self._model is None:
                self._model = self._stack.enter_context(self._opening())
            return self._model
