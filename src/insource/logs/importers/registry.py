"""The formats there are, and which of them a file is in."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, cast

from insource.formats.containers import records
from insource.formats.values import shown
from insource.foundation.errors import DataError
from insource.logs.importers.protocol import Importer

# Format → module, in the order in which they are tried: the particular before the general.
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
    """The importer that fits, and why."""

    importer: Importer
    reason: str


def importer(name: str) -> Importer:
    """The built-in importer of this format, a name out of ``MODULES``."""
    return cast(Importer, import_module(f"insource.logs.importers.{MODULES[name]}").IMPORTER)


def importers() -> Iterator[Importer]:
    """Every built-in importer, in the order in which ``detect`` tries them."""
    return map(importer, MODULES)


def detect(file: BinaryIO, name: str) -> Detected:
    """The format most of the first records are in; ``name`` is the file's, for the message.

    Raises:
        DataError: ``log-format-unknown`` when no format fits.
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
            f"The format of {name} is none that Insource knows.",
            details=(_seen(seen),),
            hint="Name the format, or say with --mapping which column holds what: "
            "docs/guides/import-logs.md has an example.",
        )
    return best[1]


def sample(file: BinaryIO) -> list[dict[str, Any]]:
    """The readable ones among the first twenty records; the file stands at its beginning again."""
    found = [record for _, record in islice(records(file), _SAMPLE) if isinstance(record, dict)]
    file.seek(0)
    return found


def _seen(found: list[dict[str, Any]]) -> str:
    if not found:
        return "Its beginning holds no record: no JSON object, no CSV row, no Parquet row."
    return f"Its first record has: {', '.join(shown(name) for name in list(found[0])[:30])}."
