"""The available import formats, and their detection."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, cast

from insource.formats.containers import records
from insource.formats.values import shown
from insource.foundation.errors import DataError
from insource.logs.importers.protocol import Importer

# The module of each format, in the order in which ``detect`` tries them: specific before general.
MODULES = {
    "otel": "otel",
    "langfuse": "langfuse",
    "litellm": "litellm",
    "helicone": "helicone",
    "openai-batch": "openai_batch",
    "openai-stored": "openai_stored",
    "anthropic-batch": "anthropic_batch",
    "anthropic": "anthropic",
    "openpipe": "openpipe",
    "exchanges": "exchanges",
    "openai-finetune": "openai_finetune",
}
_SAMPLE = 20


class Detected(NamedTuple):
    """The importer that matches, and the reason."""

    importer: Importer
    reason: str


def importer(name: str) -> Importer:
    """Return the built-in importer of this format, a key of ``MODULES``."""
    return cast(Importer, import_module(f"insource.logs.importers.{MODULES[name]}").IMPORTER)


def importers() -> Iterator[Importer]:
    """Return every built-in importer, in the order in which ``detect`` tries them."""
    return map(importer, MODULES)


def detect(file: BinaryIO, name: str) -> Detected:
    """Return the format that most of the first records have; ``name`` is the file's name for the message.

    Raises:
        DataError: ``log-format-unknown`` when no format matches.
    """
    seen = sample(file)
    best: tuple[int, Detected] | None = None
    for candidate in importers():
        reasons = [reason for record in seen if (reason := candidate.recognise(record))]
        if reasons and (best is None or len(reasons) > best[0]):
            why = f"{len(reasons)} of the first {len(seen)} records have {reasons[0]}"
            best = (len(reasons), Detected(candidate, why))
    if best is None:
        raise DataError(
            "log-format-unknown",
            f"Insource does not recognise the format of {name}.",
            details=(_seen(seen),),
            hint="Give the format by name, or map its columns with --mapping: "
            "docs/guides/import-logs.md has an example.",
        )
    return best[1]


def sample(file: BinaryIO) -> list[dict[str, Any]]:
    """Return the readable records among the first twenty, and seek back to the beginning of the file."""
    found = [record for _, record in islice(records(file), _SAMPLE) if isinstance(record, dict)]
    file.seek(0)
    return found


def _seen(found: list[dict[str, Any]]) -> str:
    if not found:
        return "It starts with no record: no JSON object, no CSV row, no Parquet row."
    return f"Its first record has: {', '.join(shown(name) for name in list(found[0])[:30])}."
