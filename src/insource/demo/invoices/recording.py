"""The recorded answers of the cloud: which one belongs to which document, and what the call was."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from insource.demo.invoices.wheel import PROMPT, RECORDING, Invoice, member, unusable
from insource.types import Frozen

ASKED = ("model", "messages", "temperature", "max_tokens", "response_format", "top_p", "seed", "stop")
"""The fields of a request that the key of a recorded answer is made from; an absent one counts as null."""

SHOWN = 200


class Recorded(Frozen):
    """One recorded call: ``request`` as sent, ``output`` as it came, ``cost_usd`` as charged."""

    document: Invoice
    request: dict[str, Any]
    output: str
    finish_reason: str
    usage: dict[str, Any]
    latency_ms: float
    provider: str
    timestamp: float
    cost_usd: Decimal

    @property
    def model(self) -> str:
        return str(self.request["model"])

    @property
    def prompt(self) -> str:
        """The instruction that the cloud was sent before the document."""
        return str(self.request["messages"][0]["content"])

    @property
    def at(self) -> datetime:
        """When the call was made."""
        return datetime.fromtimestamp(self.timestamp, UTC)


def recorded(wheel: Path, documents: Iterable[Invoice]) -> tuple[Recorded, ...]:
    """Return the recorded call of each document.

    Raises:
        IntegrityError: ``invoices-unusable``, also when a document has no recorded answer: then the generator
            made other documents than those that the cloud was asked about.
    """
    prompt = member(wheel, PROMPT).decode("utf-8")
    try:
        lines = gzip.decompress(member(wheel, RECORDING)).decode("utf-8").split("\n")
        manifest, *answers = [json.loads(line) for line in lines if line.strip()]
        by_key = {answer["key"]: answer for answer in answers}
        return tuple(_paired(document, manifest, prompt, by_key) for document in documents)
    except (OSError, EOFError, ValueError, TypeError, KeyError, ValidationError) as error:
        said = " ".join(str(error).split())[:SHOWN]
        raise unusable(wheel, f"{type(error).__name__}: {said}") from error


def mean_cost_per_1000_usd(calls: Sequence[Recorded]) -> float:
    """Return what 1,000 documents cost on average in the recorded calls, in US dollars."""
    return float(1000 * sum(call.cost_usd for call in calls) / len(calls))


def _paired(
    document: Invoice, manifest: dict[str, Any], prompt: str, by_key: dict[str, dict[str, Any]]
) -> Recorded:
    asked = manifest["generation"]
    request = {
        "model": manifest["teacher_model"],
        "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": document.text}],
        "temperature": asked["temperature"],
        "max_tokens": asked["max_tokens"],
        "response_format": asked["response_format"],
    }
    key = request_key(request)
    if key not in by_key:
        raise ValueError(f"{document.id} has no recorded answer")
    found = by_key[key]
    return Recorded(
        document=document,
        request=request,
        cost_usd=Decimal(str(found["usage"]["cost"])),
        **{name: found[name] for name in Recorded.model_fields if name in found},
    )


def request_key(request: dict[str, Any]) -> str:
    """Return the key under which the recording has the answer to a request.

    It is the sha256 of the fields in ``ASKED`` as JSON with sorted keys and no spaces; a whole number has no
    decimal point. Source: taskdistill 0.1.1, whose recording it has to fit.
    """
    fields = {name: request.get(name) for name in ASKED}
    if isinstance(fields["temperature"], float) and fields["temperature"].is_integer():
        fields["temperature"] = int(fields["temperature"])
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
