"""The laws of a price: known where the table knows it, unknown with a reason elsewhere, never free."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.config.log import OwnPrice
from insource.providers.billing import Billing, billing_of
from insource.providers.model_names import listed
from insource.providers.price_components import Unpriced
from insource.providers.prices import PriceTable
from insource.providers.usage import Counts
from insource.types import Usage

AT = datetime(2026, 11, 15, tzinfo=UTC)
TABLE = PriceTable({"own": OwnPrice(input=1, output=10, cached="0.5", audio_input=20)})

number = st.integers(0, 400_000)
usages = st.builds(
    lambda fresh, cached, written, heard, said, spoken, thought: Usage(
        input_tokens=fresh + cached + written + heard,
        cached_tokens=cached,
        cache_write_tokens=written,
        audio_input_tokens=heard,
        output_tokens=said + spoken + thought,
        audio_output_tokens=spoken,
        reasoning_tokens=thought,
    ),
    *(number, number, number, st.sampled_from([0, 0, 900]), number, st.sampled_from([0, 0, 70]), number),
)
billings = st.builds(
    lambda hour, pictures, **fields: Billing(
        counts=Counts(cache_write_1h_tokens=hour, image_output_tokens=pictures), **fields
    ),
    hour=number,
    pictures=st.sampled_from([0, 0, 1290]),
    web_searches=st.integers(0, 4),
    file_searches=st.integers(0, 4),
    geography=st.sampled_from(["", "global", "us", "eu"]),
    terms=st.sampled_from([(), (("service_tier", "flex"),), (("service_tier", "standard"),)]),
    other_charge=st.sampled_from(["", "", "", "code execution"]),
)


@cache
def every_model():
    """The names and providers of the table by which one of its models is found."""
    from genai_prices.data import providers

    names = [(one.id, model.id) for one in providers for model in one.models if model.prices]
    return [(provider, name) for provider, name in names if listed(name, provider) is not None]


models = st.integers(0, 10**6).map(lambda place: every_model()[place % len(every_model())])


def dearest(model, written):
    """The dearest price per million tokens that the table has for the input or the output, at any time."""
    prices = model.prices if isinstance(model.prices, list) else [model.prices]
    found = [getattr(one, "prices", one) for one in prices]
    found += [variant.prices for variant in model.price_variants or ()]
    values = [Decimal(0)]
    for one in found:
        for name, price in one.__dict__.items():
            if price is not None and ("output" in name) == written:
                values.append(getattr(price, "base", price))
                values += [tier.price for tier in getattr(price, "tiers", ())]
    return max(values)


KINDS = ("input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens")


def components_or_reason(model, usage, provider, billing):
    try:
        return TABLE.components(model, usage, AT, provider=provider, billing=billing), ""
    except Unpriced as reason:
        return None, str(reason)


@settings(max_examples=200, deadline=None)
@given(found=models, usage=usages, billing=billings)
def test_the_components_are_the_cost_and_none_is_dearer_than_its_dearest_rate(found, usage, billing):
    provider, model = found
    priced = TABLE.price(model, usage, AT, provider=provider, billing=billing)
    components, reason = components_or_reason(model, usage, provider, billing)
    if components is None:
        assert priced == (None, "", reason)
        assert reason
        return
    assert priced.cost_usd == sum(one.cost_usd for one in components)
    assert (priced.unpriced_because, billing.other_charge, billing.geography == "eu") == ("", "", False)
    tokens = [one for one in components if one.per == 1_000_000]
    written = [one for one in tokens if one.what == "reasoning" or one.what.endswith("output")]
    assert sum(one.number for one in written) == usage.output_tokens
    assert sum(one.number for one in tokens) == usage.input_tokens + usage.output_tokens
    entry = listed(model, provider)[1]
    for one in tokens:
        assert one.number > 0
        assert one.usd <= dearest(entry, one in written) * Decimal("1.1")


@settings(max_examples=200, deadline=None)
@given(found=models, usage=usages, billing=billings)
def test_no_call_costs_more_than_the_dearest_one_with_as_many_tokens(found, usage, billing):
    """What a budget reserves covers what the call costs, fees, terms and regions aside."""
    _, model = found
    plain = billing._replace(terms=(), web_searches=0, file_searches=0, geography="", other_charge="")
    cost = TABLE.price(model, usage, AT, billing=plain).cost_usd
    most = TABLE.dearest(model, usage, AT)
    assert cost is None or cost <= most


@settings(max_examples=200, deadline=None)
@given(found=models | st.just(("", "own")), usage=usages, more=st.integers(1, 50_000), data=st.data())
def test_more_tokens_of_any_kind_never_cost_less(found, usage, more, data):
    provider, model = found
    kind = data.draw(
        st.sampled_from(["input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens"])
    )
    counts = usage.model_dump()
    for name in {kind, kind if kind == "output_tokens" else "input_tokens"}:
        counts[name] += more
    before = TABLE.price(model, usage, AT, provider=provider)
    after = TABLE.price(model, Usage(**counts), AT, provider=provider)
    if before.cost_usd is None:
        assert after.cost_usd is None
    else:
        assert after.cost_usd is None or after.cost_usd >= before.cost_usd


@settings(max_examples=200, deadline=None)
@given(found=models, usage=usages)
def test_what_has_a_price_in_the_table_is_priced(found, usage):
    """Text, cached or not, read or written: every model that the table prices by the token has a cost."""
    provider, model = found
    plain = Usage(
        input_tokens=usage.input_tokens - usage.audio_input_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens - usage.audio_output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )
    prices = listed(model, provider)[1].get_prices(AT).__dict__
    priced = TABLE.price(model, plain, AT, provider=provider)
    if prices.get("input_mtok") is not None and prices.get("output_mtok") is not None:
        assert priced.cost_usd is not None, priced
    else:
        assert (priced.cost_usd is None) == bool(priced.unpriced_because)


CLAUDE = "claude-sonnet-4-5-20250929"
USAGE = Usage(input_tokens=1000, output_tokens=100)
GROUNDED = {"groundingMetadata": {"webSearchQueries": ["a", "b"]}}
FEES = [
    # model, answer, cost or the reason why it is unknown
    (CLAUDE, {"usage": {"server_tool_use": {"web_search_requests": 2}}}, "0.0245"),
    ("gpt-5", {"output": [{"type": "web_search_call", "action": {"type": "search"}}] * 3}, "0.03225"),
    ("gpt-5", {"output": [{"type": "web_search_call", "action": {"type": "open_page"}}]}, "0.00225"),
    ("gpt-5", {"output": [{"type": "file_search_call"}]}, "0.00475"),
    ("gpt-5", {"output": [{"type": "function_call"}, {"type": "mcp_call"}]}, "0.00225"),
    ("gpt-5", {"output": [{"type": "code_interpreter_call"}]}, "the price of code_interpreter_call"),
    ("gpt-5", {"output": [{"type": "image_generation_call"}]}, "the price of image_generation_call"),
    ("gemini-3-flash-preview", {"modelVersion": "gemini-3-flash", "candidates": [GROUNDED]}, "0.0288"),
    ("gemini-2.5-flash", {"modelVersion": "gemini-2.5-flash", "candidates": [GROUNDED]}, "0.03555"),
    (
        "gemini-2.5-flash",
        {"candidates": [{"groundingMetadata": {"groundingChunks": [{"maps": {}}]}}]},
        "the price of grounding with Google Maps",
    ),
    ("gpt-4o-search-preview", {"model": "gpt-4o-search-preview"}, "no price for web searches"),
    ("grok-4-fast", {"usage": {"num_sources_used": 5}}, "searches of xAI's live sources"),
    (
        CLAUDE,
        {"content": [{"type": "server_tool_use", "name": "bash_code_execution"}]},
        "the price of code execution",
    ),
    ("groq/llama-3.3-70b-versatile", {"choices": [{"message": {"executed_tools": [{}]}}]}, "tools that ran"),
    # $10 per million tokens of images read, $5 of text read, $40 written
    ("gpt-image-1", {"usage": {"input_tokens_details": {"image_tokens": 600}}}, "0.012"),
    # a picture: $5 text in, $32 image out, against $10 text out
    ("gpt-image-1.5", {"data": [{"b64_json": "…"}], "usage": {"output_tokens": 100}}, "0.0082"),
    (
        "gpt-image-1.5",
        {"data": [{"b64_json": "…"}], "usage": {"output_tokens_details": {"image_tokens": 60}}},
        "0.00732",
    ),
    ("gpt-5", {"service_tier": "priority"}, "0.0045"),
    ("gpt-5", {"service_tier": "default"}, "0.00225"),
    ("gpt-5", {"service_tier": "scale"}, "the price of prepaid capacity"),
    ("own", {"service_tier": "scale"}, "0.002"),  # only its buyer knows the price
    ("gpt-4o-mini", {"service_tier": "whatever"}, "no price for service_tier whatever"),
    ("gpt-4o-mini", {"service_tier": "sk-a1b2"}, "no price for service_tier (not a word)"),
    ("gpt-5", {"output": [{"type": "sk-a1b2_call"}]}, "the price of tools that ran at the provider"),
    (CLAUDE, {"usage": {"service_tier": "priority"}}, "no price for service_tier priority"),
    ("gemini-2.5-flash", {"usageMetadata": {"trafficType": "PROVISIONED_THROUGHPUT"}}, "prepaid capacity"),
    ("gemini-2.5-flash", {"usageMetadata": {"trafficType": "ON_DEMAND"}}, "0.00055"),
    ("claude-opus-4-6", {"usage": {"inference_geo": "us"}}, "0.00825"),
    ("claude-opus-4-6", {"usage": {"inference_geo": "global"}}, "0.0075"),
    ("claude-opus-4-6", {"usage": {"inference_geo": "mars"}}, "the price of a regional endpoint"),
    ("own", {"output": [{"type": "web_search_call"}]}, "the model is not in the price table"),
]


@pytest.mark.parametrize(("model", "answer", "expected"), FEES)
def test_a_fee_or_a_term_is_in_the_cost_or_makes_it_unknown(model, answer, expected):
    priced = TABLE.price(model, USAGE, AT, billing=billing_of(answer))
    if priced.cost_usd is None:
        assert expected in priced.unpriced_because
    else:
        assert priced.cost_usd == Decimal(expected)


NAMES = [
    # the same model by the names of clouds and gateways, and where it was asked; $ for 1000 in and 100 out
    ("anthropic.claude-sonnet-4-5-20250929-v1:0", "", "0.00495"),  # in one region
    ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock", "0.00495"),
    ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "0.0045"),
    ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "", "0.00495"),
    (
        "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "https://bedrock-runtime.eu-west-1.amazonaws.com",
        "0.00495",
    ),
    ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", "", "0.000084"),
    ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", "", None),
    ("claude-sonnet-4-5@20250929", "", "0.0045"),
    ("claude-sonnet-4-5@20250929", "https://aiplatform.googleapis.com", "0.0045"),
    ("claude-sonnet-4-5@20250929", "https://us-east5-aiplatform.googleapis.com", "0.00495"),
    ("claude-sonnet-4@20250514", "https://us-east5-aiplatform.googleapis.com", "0.0045"),
    ("publishers/google/models/gemini-2.5-flash", "", "0.00055"),
    (
        "publishers/google/models/gemini-2.5-flash",
        "https://europe-west4-aiplatform.googleapis.com",
        "0.00055",
    ),
    ("gemini-3-flash-preview", "https://europe-west4-aiplatform.googleapis.com", None),
    ("projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929", "", "0.0045"),
    ("vertex_ai/gemini-2.5-flash", "", "0.00055"),
    ("gpt-4o-mini", "https://eu.api.openai.com/v1", "0.00021"),
    ("gpt-5.4", "https://api.openai.com/v1", "0.004"),
    ("gpt-5.4", "https://eu.api.openai.com/v1", "0.0044"),
]


@pytest.mark.parametrize(("model", "provider", "usd"), NAMES)
def test_a_model_has_its_price_by_the_name_and_in_the_region_of_its_cloud(model, provider, usd):
    priced = TABLE.price(model, USAGE, AT, provider=provider)
    assert priced.cost_usd == (None if usd is None else Decimal(usd)), priced


def test_a_regional_price_names_the_page_that_says_so():
    priced = TABLE.price("gpt-5.4", USAGE, AT, provider="https://eu.api.openai.com/v1")
    assert "times 1.1 by developers.openai.com/api/docs/guides/data-residency" in priced.priced_by
    assert "times" not in TABLE.price("gpt-5.4", USAGE, AT, provider="https://api.openai.com/v1").priced_by


def test_parts_are_billed_one_by_one():
    """No part is long enough for the price of long inputs, and an adviser has its own price."""
    part = {"input_tokens": 150_000, "output_tokens": 1000}
    adviser = {
        "type": "advisor_message",
        "model": "claude-opus-4-6",
        "input_tokens": 1000,
        "output_tokens": 100,
    }
    answer = {"usage": {"input_tokens": 150_000, "output_tokens": 1000, "iterations": [part, part, adviser]}}
    billing = billing_of(answer)
    usage = Usage(input_tokens=300_000, output_tokens=2000)
    cost = TABLE.price(CLAUDE, usage, AT, billing=billing).cost_usd
    assert cost == 2 * TABLE.cost(CLAUDE, Usage(**part), AT) + TABLE.cost("claude-opus-4-6", USAGE, AT)
    assert cost < TABLE.cost(CLAUDE, usage, AT)
