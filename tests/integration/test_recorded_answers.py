"""Answers that providers really gave, from a folder of recorded exchanges outside of this repository.

``INSOURCE_API_LOGS`` names the folder: ``*.jsonl`` with ``path``, ``status``, ``request``, ``response``
in every row, streams as text in ``response._raw_stream``.
"""

import json
import os
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from insource.providers import open_reader
from insource.providers.billing import billing_of
from insource.providers.prices import PriceTable
from insource.types import Usage

FOLDER = os.environ.get("INSOURCE_API_LOGS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="INSOURCE_API_LOGS names no folder of recorded exchanges")

ENDINGS = {
    "chat/completions": "chat",
    "completions": "completions",
    "responses": "responses",
    "embeddings": "embeddings",
    "messages": "messages",
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
}
WHY = re.compile(
    r'"(finish_reason|stop_reason|finishReason|blockReason)": ?"\w|"status": ?"(completed|incomplete)"'
)


def endpoint_of(path):
    path = path.partition("#")[0].replace(":", "/")
    return next((ENDINGS[ending] for ending in ENDINGS if path.endswith(f"/{ending}")), None)


def exchanges():
    for file in sorted(Path(FOLDER).glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            endpoint = endpoint_of(row.get("path", ""))
            if endpoint and row["status"] == 200:
                stream = row["response"].get("_raw_stream")
                body = stream if stream is not None else json.dumps(row["response"])
                yield row, endpoint, stream is not None, body.encode()


def reported(endpoint, document):
    """The provider's own counts, added up by what each provider says of them; None where it gave none."""
    if endpoint == "generate_content":
        counts = document.get("usageMetadata", {})
        read = counts.get("promptTokenCount")
        read = read and read + counts.get("toolUsePromptTokenCount", 0)
        return read and (read, counts["totalTokenCount"] - read)
    counts = document.get("usage")
    if not counts:
        return None
    if endpoint == "messages":
        cache = ("cache_creation_input_tokens", "cache_read_input_tokens")
        read = counts["input_tokens"] + sum(counts.get(name) or 0 for name in cache)
        return read, counts["output_tokens"]
    read = counts.get("prompt_tokens", counts.get("input_tokens"))
    return read, counts["total_tokens"] - read


def test_every_answer_is_read_with_model_finish_reason_and_usage():
    read = Counter()
    for row, endpoint, streamed, body in exchanges():
        reader = open_reader(endpoint, streamed=streamed)
        for at in range(0, len(body), 700):
            reader.feed(body[at : at + 700])
        reader.close()
        document = reader.response
        said = body.decode()
        asserted = (row["id"], endpoint)
        # An echo of the request, and a background response whose answer comes later
        no_answer = "pathname" in said or document.get("status") == "queued"
        assert (reader.complete, bool(reader.unread)) == (True, no_answer), asserted
        if not streamed and endpoint != "embeddings":
            assert document == row["response"], asserted
        assert reader.model or no_answer or '"model": ""' in said, asserted
        says_why = endpoint == "embeddings" or WHY.search(said) is not None
        assert (reader.finish_reason != "unknown") == says_why, asserted
        counts = reported(endpoint, document)
        expected = counts or (None, None)
        assert (reader.usage.input_tokens, reader.usage.output_tokens) == expected, asserted
        assert counts or reader.usage == Usage(), asserted
        read[endpoint, streamed] += 1
    print(dict(read))
    assert sum(read.values()) > 500


def test_costs_agree_with_what_a_provider_says_it_charged():
    """OpenRouter tells the dollars; its table price is one host's, so most calls agree, not all.

    Without what it tells, the cost of prepaid capacity and of tools is unknown, with the reason.
    """
    table, told, agree, unknown = PriceTable(), 0, 0, Counter()
    for row, endpoint, _, _ in exchanges():
        usage = row["response"].get("usage") or {}
        if "openrouter" not in row["host"] or "cost" not in usage:
            continue
        told += 1
        at = datetime.fromtimestamp(row["response"]["created"], UTC)
        reader = open_reader(endpoint, streamed=False)
        reader.feed(json.dumps(row["response"]).encode())
        reader.close()
        billing = billing_of(reader.response)
        assert billing.charged_usd is not None
        priced = table.price(
            reader.model,
            reader.usage,
            at,
            provider=f"https://{row['host']}/api/v1",
            billing=billing._replace(charged_usd=None),
        )
        if priced.cost_usd is None:
            unknown[priced.unpriced_because] += 1
            continue
        agree += abs(priced.cost_usd - billing.charged_usd) < Decimal("1e-9")
    print(f"{agree} of {told} costs agree with the provider's; unknown: {dict(unknown)}")
    known = told - unknown.total()
    assert known >= 25
    assert agree >= 0.85 * known
    assert all("prepaid" in reason or "tools" in reason or "searches" in reason for reason in unknown)
