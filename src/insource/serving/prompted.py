"""Serve a prompted arm from its folder: the base model behind the prompt that was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from insource.foundation.errors import IntegrityError
from insource.models.catalogue import BaseModel, resolve
from insource.models.prompting.folder import load
from insource.models.prompting.model import PromptedModel
from insource.models.prompting.prompt import Prompt
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel


@contextmanager
def serve_prompted(
    folder: Path,
    *,
    threads: int | None = None,
    port: int = 0,
    on_restart: Callable[[str], None] = lambda reason: None,
) -> Iterator[PromptedModel]:
    """Run the engine of a prompt's base model and yield the model that answers plain requests.

    The context is the one that the prompt was measured with, whatever is configured today.

    Raises:
        DataError: ``prompt-unreadable``.
        IntegrityError: ``digest-mismatch`` when the base model is another file now.
    """
    prompting = load(folder)
    prompt = prompting.prompt
    settings = EngineSettings(
        gguf=base_of(prompt).gguf,
        alias=prompt.task.name,
        context_tokens=prompt.context_tokens,
        threads=threads,
        port=port,
    )
    with ServedModel(prompt.base, settings, on_restart=on_restart) as served:
        yield PromptedModel(served, prompting, served.count_tokens)


def base_of(prompt: Prompt) -> BaseModel:
    """Return the base model that a prompt was measured with.

    Raises:
        IntegrityError: ``digest-mismatch`` when the base model is another file now.
    """
    base = resolve(prompt.base)
    if base.digest != prompt.base_digest:
        raise IntegrityError(
            "digest-mismatch",
            f"The base model {prompt.base} is not the file that the prompt was measured with.",
            hint="Put the old file back, or measure again: insource evaluate",
        )
    return base
