from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.config.log import OwnPrice
from insource.providers.billing import Billing, billing_of
from insource.providers.prices import UNPRICED, Priced, PriceTable, first_priced
from insource.providers.usage import Counts
from insource.types import Usage

AT = datetime(2026, 11, 15, tzinfo=UTC)
USAGE = Usage(input_tokens=1000, cached_tokens=200, output_tokens=100)
TABLE = PriceTable()


@pytest.mark.parametrize("model", ["gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
@pytest.mark.parametrize("provider", ["", "openai", "azure", "https://my.openai.azure.com/x", "my-own-proxy"])
def test_cached_tokens_cost_their_own_price(model, provider):
    # gpt-4o-mini: $0.15 input, $0.075 cached, $0.60 output per million
    assert TABLE.price(model, USAGE, AT, provider=provider).cost_usd == Decimal("0.000195")


SONNET = Usage(input_tokens=1000, cached_tokens=500, cache_write_tokens=300, output_tokens=100)
FOR_AN_HOUR = Billing(counts=Counts(cache_write_1h_tokens=100))
FLASH = Usage(input_tokens=1000, output_tokens=100, reasoning_tokens=80, audio_input_tokens=400)


@pytest.mark.parametrize(
    ("model", "usage", "billing", "usd"),
    [
        # claude-sonnet-4-5: $3 input, $15 output, $0.30 read, $3.75 written for 5 minutes, $6 for an hour
        ("claude-sonnet-4-5-20250929", SONNET, Billing(), "0.003375"),  # 200*3 + 500*.3 + 300*3.75 + 100*15
        ("claude-sonnet-4-5-20250929", SONNET, FOR_AN_HOUR, "0.0036"),  # 100*(6-3.75)
        ("claude-sonnet-4-5-20250929", SONNET, Billing(web_searches=2), "0.023375"),  # $10 per thousand
        ("claude-sonnet-4-5-20250929", SONNET, billing_of({}, batch=True), "0.0016875"),  # half of all
        # gemini-2.5-flash: $0.30 input, $1 audio, $2.50 output, in which thoughts count
        ("gemini-2.5-flash", FLASH, Billing(), "0.00083"),  # 600*.3 + 400*1 + 100*2.5
        # gpt-5: $1.25 input, $0.125 cached, $10 output; half of that as flex or in a batch
        ("gpt-5", USAGE, Billing(), "0.002025"),
        ("gpt-5", USAGE, billing_of({"service_tier": "flex"}), "0.0010125"),
        ("gpt-5", USAGE, billing_of(None, batch=True), "0.0010125"),
        # text-embedding-3-small: $0.02
        ("text-embedding-3-small", Usage(input_tokens=1000, output_tokens=0), Billing(), "0.00002"),
        ("models/gemini-2.5-flash", Usage(input_tokens=1000, output_tokens=0), Billing(), "0.0003"),
    ],
)
def test_costs_by_hand(model, usage, billing, usd):
    assert TABLE.price(model, usage, AT, billing=billing).cost_usd == Decimal(usd)


def test_what_a_cost_is_by_is_said_with_version_and_date():
    priced_by = TABLE.price("gpt-4o-mini", USAGE, AT).priced_by
    assert priced_by == f"{TABLE.source}, {TABLE.date.isoformat()}"
    assert TABLE.source.startswith("genai-prices ")
    assert date(2026, 1, 1) < TABLE.date <= datetime.now(UTC).date()


OWN = OwnPrice(input=1, output=10, cached="0.5", cache_write=2, audio_input=20, audio_output=40, batch="0.5")


@pytest.mark.parametrize(
    ("usage", "billing", "usd"),
    [
        (USAGE, Billing(), "0.0019"),  # 800*1 + 200*.5 + 100*10
        (USAGE, Billing(batch=True), "0.00095"),
        (SONNET, Billing(), "0.00205"),  # 200*1 + 500*.5 + 300*2 + 100*10
        (FLASH, Billing(), "0.0096"),  # 600*1 + 400*20 + 100*10
        (Usage(input_tokens=0, output_tokens=100, audio_output_tokens=50), Billing(), "0.0025"),
        (USAGE, Billing(charged_usd=Decimal(7)), "0.0019"),
    ],
)
def test_own_prices_go_before_everything(usage, billing, usd):
    priced = PriceTable({"gpt-4o-mini": OWN}).price("gpt-4o-mini", usage, AT, billing=billing)
    assert priced[:2] == (Decimal(usd), "insource.toml")


def test_what_an_own_price_leaves_out_costs_as_input_and_output_do():
    prices = PriceTable({"gpt-4o-mini": OwnPrice(input=1, output=10)})
    assert prices.cost("gpt-4o-mini", SONNET, AT) == Decimal("0.002")


HALF_HEARD = Usage(input_tokens=9, audio_input_tokens=5, cached_tokens=5, output_tokens=1)
WRITTEN_AND_READ = Usage(input_tokens=5, cached_tokens=3, cache_write_tokens=3, output_tokens=1)
NOT_LISTED = "the model is not in the price table"
CONTRADICTION = "the token counts contradict each other"


@pytest.mark.parametrize(
    ("model", "usage", "reason"),
    [
        ("nobody/knows-this", USAGE, NOT_LISTED),
        ("no-such-model", USAGE, NOT_LISTED),
        ("", USAGE, NOT_LISTED),
        ("gpt-4o-mini", Usage(input_tokens=5), "input or output tokens were not reported"),
        ("gpt-4o-mini", Usage(input_tokens=5, cached_tokens=6, output_tokens=1), CONTRADICTION),
        ("claude-sonnet-4-5", WRITTEN_AND_READ, CONTRADICTION),
        # speech has another price than text, and the table has none; how much of it was cached is unsaid
        ("gpt-4o-mini", Usage(input_tokens=5, audio_input_tokens=5, output_tokens=1), "for audio input"),
        ("gpt-4o-mini", Usage(input_tokens=5, output_tokens=1, audio_output_tokens=1), "for audio output"),
        ("gemini-2.5-flash", HALF_HEARD, "how much of the cached input was audio"),
        ("whisper-1", Usage(input_tokens=5, output_tokens=1), "no price per token"),
    ],
)
def test_what_is_not_known_is_unknown_with_the_reason_and_never_free(model, usage, reason):
    priced = TABLE.price(model, usage, AT)
    assert priced[:2] == UNPRICED[:2]
    assert reason in priced.unpriced_because


def test_a_batch_the_table_has_no_price_for_is_unknown_and_not_the_full_price():
    before_the_table_knew = datetime(2025, 6, 1, tzinfo=UTC)
    batch = billing_of(None, batch=True)
    priced = TABLE.price("claude-sonnet-4-5", USAGE, before_the_table_knew, billing=batch)
    assert priced == (None, "", "the table has no price for processing batch")
    assert TABLE.price("claude-sonnet-4-5", USAGE, before_the_table_knew).cost_usd is not None


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        ({"cost": 0.0133176}, "0.0133176"),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0002265}}, "0.0002265"),
        ({"cost": {"total_cost": 0.006}}, "0.006"),
        ({"cost": "0.1"}, "0.1"),
        ({"cost_in_usd_ticks": 253_000_000}, "0.0253"),
        ({"estimated_cost": 0.00012}, "0.00012"),
        ({"cost": 0, "is_byok": False, "cost_details": {}}, "0"),  # OpenRouter: a free model
        ({"cost": 0}, None),  # a field that nobody filled in
        ({"cost": "about a dollar"}, None),
        ({"cost": "Infinity"}, None),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": 0, "is_byok": True}, None),
    ],
)
def test_what_the_provider_says_it_charged_is_the_cost(usage, usd):
    priced = TABLE.price("no-such-model", Usage(), AT, billing=billing_of({"usage": usage}))
    assert priced[:2] == ((None, "") if usd is None else (Decimal(usd), "the provider's own account"))
    assert (priced.unpriced_because == "") == (usd is not None)


@pytest.mark.parametrize(("stated", "usd"), [("0.0004", "0.0004"), ("0.0", None), ("", None), ("x", None)])
def test_what_a_header_states_is_the_cost_too(stated, usd):
    billing = billing_of({"usage": {"prompt_tokens": 5}}, stated_usd=stated)
    assert TABLE.price("no-such-model", Usage(), AT, billing=billing).cost_usd == (usd and Decimal(usd))


def test_an_answer_says_how_it_was_billed():
    usage = {
        "service_tier": "batch",
        "speed": "fast",
        "cache_creation": {"ephemeral_1h_input_tokens": 40},
        "server_tool_use": {"web_search_requests": 2},
    }
    assert billing_of({"usage": usage}) == Billing(
        batch=True,
        counts=Counts(Usage(cache_write_tokens=40), cache_write_1h_tokens=40),
        web_searches=2,
        terms=(("processing", "batch"), ("service_tier", "batch"), ("speed", "fast")),
    )
    assert billing_of({"usage": [], "service_tier": 3}) == billing_of(None) == Billing()


COUNT = st.integers(0, 300_000)


@settings(max_examples=6, deadline=None)
@given(cached=COUNT, written=COUNT, fresh=COUNT, output=COUNT)
def test_every_listed_model_costs_what_the_library_says(cached, written, fresh, output):
    """The plain sums are our own because the library's take 0.1 ms; they have to be the same sums."""
    import genai_prices
    from genai_prices.data import providers

    counts = {
        "input_tokens": cached + written + fresh,
        "cache_write_tokens": written,
        "output_tokens": output,
    }
    usage = Usage(cached_tokens=cached, **counts)
    theirs = genai_prices.Usage(cache_read_tokens=cached, **counts)
    compared = 0
    for provider, model in ((one, model) for one in providers for model in one.models if model.prices):
        where = {"provider_id": provider.id, "genai_request_timestamp": AT}
        try:
            found = genai_prices.calc_price(theirs, model.id, **where).total_price
        except LookupError:  # an entry whose name is matched by another's pattern
            continue
        except ValueError:
            found = None
        ours = TABLE.price(model.id, usage, AT, provider=provider.id)
        if "no price per token" in ours.unpriced_because or "no price for" in ours.unpriced_because:
            continue  # the library charges nothing for what has no price
        assert ours.cost_usd == found, model.id
        compared += 1
    assert compared > 1000


def test_your_own_price_holds_with_the_provider_before_the_name_and_without():
    usage = Usage(input_tokens=1_000_000, output_tokens=0)
    price = OwnPrice(input=3, output=10)
    for key in ("teach-1", "local/teach-1"):
        assert PriceTable({key: price}).cost("local/teach-1", usage) == 3
    assert PriceTable({"local/teach-1": price}).cost("teach-1", usage) is None


def test_the_first_name_with_a_price_is_the_last_one_asked():
    known = {"first": Priced(None, "", "no such model"), "second": Priced(Decimal(1), "table")}
    asked = []

    def price(model):
        asked.append(model)
        return known[model]

    assert first_priced(("second", "first"), price) == known["second"]
    assert asked == ["second"]
    assert first_priced(("first", "", "second"), price) == known["second"]
    assert first_priced(("first", "first"), price) == known["first"]
    assert asked == ["second", "first", "second", "first"]
