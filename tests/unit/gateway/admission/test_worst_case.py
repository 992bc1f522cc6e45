"""The most a request can cost: a bound, never an estimate."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.config.log import OwnPrice
from insource.gateway.admission.ask import AdmissionRequest
from insource.gateway.admission.worst_case import LEGACY_MAX_TOKENS, Unbounded, worst_case_usd
from insource.providers.billing import Billing
from insource.providers.price_bound import HIDDEN_TOKENS
from insource.providers.prices import PriceTable
from insource.providers.tags import Tags
from insource.providers.usage import Counts
from insource.types import Usage

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HELLO = [{"role": "user", "content": "Hello"}]
ROOM = Decimal(9) / 8  # what rounding to a few distinct sizes may add


def asked(document, *, endpoint="chat", method="POST", path="/v1/chat/completions", model=None, body=None):
    body = json.dumps(document).encode() if body is None else body
    return AdmissionRequest(
        method=method,
        path=path,
        headers=[],
        body=body,
        document=document,
        tags=Tags(),
        upstream="openai",
        endpoint=endpoint,
        model=document.get("model", "") if model is None and document else model or "",
    )


def a_dollar_a_token(model, usage, at):
    """At most two dollars a token of input, for writing to the cache, and three of output."""
    if model != "toy" and model != "gpt-4o":
        return None
    return Decimal(2 * usage.input_tokens + 3 * usage.output_tokens)


def worst(request, price=a_dollar_a_token):
    return worst_case_usd(request, price, NOW)


def between(value, low):
    assert low <= value <= low * ROOM, (value, low)


def test_text_costs_at_most_a_token_a_byte_and_the_answer_its_max_tokens():
    request = asked({"model": "toy", "max_tokens": 1000, "messages": HELLO})
    between(worst(request), (2 * (len(request.body) + HIDDEN_TOKENS) + 3 * 1000))


@pytest.mark.parametrize(
    ("more", "output"),
    [
        ({"max_completion_tokens": 2000}, 2000),
        (
            {"max_tokens": 10, "max_completion_tokens": 2000},
            2000,
        ),  # whichever counts, the larger is the bound
        ({"max_output_tokens": 2000}, 2000),
        ({"max_tokens": 2000, "n": 3}, 6000),
        ({"generationConfig": {"maxOutputTokens": 2000, "candidateCount": 2}}, 4000),
        ({"max_tokens": 1e3}, 1000),
    ],
)
def test_the_longest_answers_that_were_asked_for(more, output):
    request = asked({"model": "toy", "messages": HELLO, **more})
    between(worst(request), (2 * (len(request.body) + HIDDEN_TOKENS) + 3 * output))


def test_legacy_completions_answer_every_prompt_of_a_list():
    document = {"model": "toy", "prompt": ["a", "b", "c"], "best_of": 2}
    request = asked(document, endpoint="completions", path="/v1/completions")
    between(worst(request), (2 * (len(request.body) + HIDDEN_TOKENS) + 3 * 3 * 2 * LEGACY_MAX_TOKENS))


def test_embeddings_have_no_answer():
    request = asked({"model": "toy", "input": "x" * 100}, endpoint="embeddings", path="/v1/embeddings")
    between(worst(request), 2 * (len(request.body) + HIDDEN_TOKENS))


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/decisions", {"input": "x" * 100, "questions": [{"type": "predicate", "instructions": "?"}]}),
        ("/v1/systemone", {"state": "x" * 100, "questions": {"q": {"type": "noul", "instructions": "?"}}}),
        ("/v1/systemone", {"state": {"text": ["x" * 100]}, "questions": {"q": {"type": "noul"}}}),
    ],
)
def test_decisions_are_charged_for_what_they_read(path, document):
    request = asked({"model": "toy", **document}, endpoint="decisions", path=path)
    between(worst(request), 2 * (len(request.body) + HIDDEN_TOKENS))
    real = asked({"model": "jev-latest", **document}, endpoint="decisions", path=path)
    bound = worst_case_usd(real, PriceTable().dearest, NOW)
    assert 0 < bound <= (len(real.body) + HIDDEN_TOKENS) * ROOM * Decimal("0.042") / 1_000_000


def test_the_pictures_of_a_decision_are_bounded_by_the_context_window():
    picture = [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y"}]}]
    request = asked({"model": "gpt-4o", "input": picture}, endpoint="decisions", path="/v1/decisions")
    assert worst(request) >= 2 * 128_000


@pytest.mark.parametrize(
    "more",
    [
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y"}}]}
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
        {"messages": [{"role": "assistant", "content": None, "audio": {"id": "earlier"}}]},
        {"input": "go on", "previous_response_id": "resp_1"},
        {"input": [{"type": "item_reference", "id": "i"}]},
        {"prompt": {"id": "pmpt_1"}},
        {"contents": [{"parts": [{"fileData": {"fileUri": "gs://x"}}]}]},
        {"contents": [], "cachedContent": "cachedContents/1"},
    ],
)
def test_what_the_bytes_do_not_hold_is_bounded_by_the_context_window(more):
    request = asked({"model": "gpt-4o", "max_tokens": 10, **more})
    assert worst(request) >= 2 * 128_000
    with pytest.raises(Unbounded, match="context window of toy"):
        worst(asked({"model": "toy", "max_tokens": 10, **more}))


def test_parts_of_text_and_tools_of_the_caller_stay_bounded_by_their_bytes():
    parts = [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]
    result = {"type": "tool_result", "tool_use_id": "t", "content": parts}
    document = {
        "model": "toy",
        "max_tokens": 10,
        "system": parts,
        "messages": [{"role": "user", "content": [*parts, result]}],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}, {"type": "function", "function": {}}],
    }
    request = asked(document, endpoint="messages", path="/v1/messages")
    between(worst(request), (2 * (len(request.body) + HIDDEN_TOKENS) + 30))


@pytest.mark.parametrize("limit", [None, 0, -5, True, "1000", [], float("nan"), float("inf")])
def test_without_a_usable_max_tokens_an_answer_may_fill_the_window(limit):
    document = {"model": "gpt-4o", "messages": HELLO} | ({} if limit is None else {"max_tokens": limit})
    assert worst(asked(document)) >= 3 * 128_000
    with pytest.raises(Unbounded, match="no max_tokens"):
        worst(asked(document | {"model": "toy"}))


@pytest.mark.parametrize(
    "more",
    [
        {"model": "unheard-of"},
        {"model": None},
        {"tools": [{"type": "web_search_preview"}]},
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"google_search": {}}]},
        {"web_search_options": {}},
        {"mcp_servers": [{"url": "https://x"}]},
        {"service_tier": "priority"},
        {"service_tier": ["default"]},
        {"speed": "fast"},
        {"inference_geo": "us"},
        {"context_management": {"edits": [{"type": "compact_20260112"}]}},
    ],
)
def test_what_no_price_covers_has_no_bound(more):
    with pytest.raises(Unbounded):
        worst(asked({"model": "toy", "max_tokens": 10, "messages": HELLO, **more}))


@pytest.mark.parametrize(
    ("method", "path", "free"),
    [
        ("GET", "/v1/models", True),
        ("DELETE", "/v1/files/file-1", True),
        ("POST", "/v1/files", True),
        ("POST", "/v1/messages/count_tokens", True),
        ("POST", "/v1/responses/resp_1/cancel", True),
        ("POST", "/v1/batches", False),
        ("POST", "/v1/images/generations", False),
        ("PUT", "/v1/models", False),
    ],
)
def test_only_what_providers_charge_for_costs(method, path, free):
    request = asked({"model": "toy"}, endpoint="", method=method, path=path)
    if free:
        assert worst(request) == 0
    else:
        with pytest.raises(Unbounded):
            worst(request)


def test_a_body_that_cannot_be_read_has_no_bound():
    with pytest.raises(Unbounded):
        worst(asked(None, body=b"\x1f\x8b", model="toy"))


def test_deep_nesting_is_walked_without_recursion():
    content = "x"
    for _ in range(5000):
        content = [content]
    request = asked({"model": "toy", "max_tokens": 1, "messages": content}, body=b"[" * 5000)
    assert worst(request) > 0


@pytest.mark.parametrize(
    "model",
    ["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash", "gemini-3.1-flash-image", "gpt-image-1", "own"],
)
@given(
    size=st.integers(0, 500_000),
    limit=st.integers(1, 200_000),
    used=st.floats(0, 1),
    share=st.floats(0, 1),
    kind=st.sampled_from(["cached", "written", "an hour", "heard", "seen", "drawn", "filmed", "spoken"]),
)
def test_no_use_of_the_same_request_costs_more(model, size, limit, used, share, kind):
    """With the real price table: whatever share of the bytes become tokens, and of whatever kind they are."""
    table = PriceTable({"own": OwnPrice(input=1, output=2, cache_write="1.5", audio_input=7, audio_output=9)})
    request = asked({"model": model, "max_tokens": limit, "messages": HELLO}, body=b"x" * size)
    sent, said = int(used * (size + HIDDEN_TOKENS)), int(used * limit)
    read, written = int(share * sent), int(share * said)
    usage = Usage(
        input_tokens=sent,
        output_tokens=said,
        cached_tokens=read if kind == "cached" else None,
        cache_write_tokens=read if kind in ("written", "an hour") else None,
        audio_input_tokens=read if kind == "heard" else None,
        audio_output_tokens=written if kind == "spoken" else None,
    )
    counts = Counts(
        cache_write_1h_tokens=read if kind == "an hour" else 0,
        image_input_tokens=read if kind == "seen" else 0,
        image_output_tokens=written if kind == "drawn" else 0,
        video_output_tokens=written if kind == "filmed" else 0,
    )
    cost = table.price(model, usage, NOW, billing=Billing(counts=counts)).cost_usd
    assert cost is None or cost <= worst_case_usd(request, table.dearest, NOW)
