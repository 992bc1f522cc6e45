"""The requests of a batch, which its output file does not repeat."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

from insource.formats.containers import records
from insource.formats.values import BadRecord, obj, parse_json, text
from insource.logs.importers.documents import encoded

Requests = Mapping[str, bytes]
BATCH_TAG = {"batch": "yes"}


def read_requests(file: BinaryIO) -> dict[str, bytes]:
    """Return the requests of a batch input file by ``custom_id``, each as compressed JSON.

    All are in memory, because answers come in any order. Providers limit a batch input to 200 MB (OpenAI) or
    256 MB (Anthropic), which is about a tenth of that when compressed.
    """
    found = {}
    for _, record in records(file):
        if not isinstance(record, BadRecord) and (custom_id := text(record.get("custom_id"))):
            body = obj(record.get("body")) or obj(record.get("params"))
            found[custom_id] = zlib.compress(encoded(body), 1)
    return found


def request_of(requests: Requests, custom_id: str) -> dict[str, Any]:
    """Return the request with this id; empty when it is unknown."""
    packed = requests.get(custom_id)
    return {} if packed is None else obj(parse_json(zlib.decompress(packed)))
