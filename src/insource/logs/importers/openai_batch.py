"""Output and error files of OpenAI batches. https://platform.openai.com/docs/guides/batch"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from insource.formats.values import NotACall, moment, obj, text
from insource.logs.importers.batches import BATCH_TAG, Requests, request_of
from insource.logs.importers.documents import read_body
from insource.logs.importers.exchanges import created, exchange
from insource.logs.importers.labels import known
from insource.logs.importers.protocol import CallDraft, RecordImporter


def _recognise(record: Mapping[str, Any]) -> str:
    answered = "custom_id" in record and ("response" in record or "error" in record)
    return "`custom_id` beside `response`" if answered else ""


def with_requests(requests: Requests) -> RecordImporter:
    """Return the importer, given the requests of the batch (``batches.read_requests``)."""

    def convert(record: dict[str, Any]) -> Iterator[CallDraft]:
        if "body" in record and "response" not in record:
            raise NotACall("a request of a batch, without its answer; give this file as --batch-input")
        custom_id, response = text(record.get("custom_id")), obj(record.get("response"))
        said = read_body(response.get("body"))
        fields = exchange(
            request_of(requests, custom_id),
            said,
            status=response.get("status_code"),
            error=record.get("error"),
        )
        fields["tags"] |= BATCH_TAG | known(custom_id=custom_id)
        started = moment(created(said))
        yield CallDraft({**fields, "started_at": started}, own_id=text(record.get("id")))

    return RecordImporter(
        "openai-batch", "Output and error files of OpenAI's batches (JSONL)", _recognise, convert
    )


IMPORTER = with_requests({})
