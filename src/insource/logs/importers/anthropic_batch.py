"""Results of Anthropic message batches. https://docs.anthropic.com/en/api/retrieving-message-batch-results"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.formats.values import BadRecord, obj, text
from insource.logs.importers.batches import BATCH_TAG, Requests, request_of
from insource.logs.importers.documents import read_body
from insource.logs.importers.exchanges import exchange
from insource.logs.importers.labels import known
from insource.logs.importers.protocol import CallDraft, RecordImporter

_ENDED = ("succeeded", "errored", "canceled", "expired")


def _recognise(record: Mapping[str, Any]) -> str:
    result = obj(record.get("result")).get("type")
    return "`custom_id` beside a `result`" if "custom_id" in record and result in _ENDED else ""


def with_requests(requests: Requests) -> RecordImporter:
    """Return the importer, given the requests of the batch (``batches.read_requests``)."""

    def convert(record: dict[str, Any]) -> Iterator[CallDraft]:
        result, custom_id = obj(record.get("result")), text(record.get("custom_id"))
        kind = result.get("type")
        if kind not in _ENDED:
            raise BadRecord(f"`result.type` is not one of {', '.join(_ENDED)}")
        message = obj(result.get("message"))
        error = None if kind == "succeeded" else obj(result.get("error")) or f"the request was {kind}"
        fields = exchange(request_of(requests, custom_id), read_body(message), error=error)
        fields["tags"] |= BATCH_TAG | known(custom_id=custom_id)
        yield CallDraft(
            {**fields, "endpoint": "messages", "provider": "anthropic"}, own_id=text(message.get("id"))
        )

    return RecordImporter(
        "anthropic-batch", "Results of Anthropic's message batches (JSONL)", _recognise, convert
    )


IMPORTER = with_requests({})
