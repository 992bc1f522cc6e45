from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from insource.logs.prices import PriceTable
from insource.types import Usage

AT = datetime(2026, 6, 1, tzinfo=UTC)
USAGE = Usage(input_tokens=1000, cached_tokens=200, output_tokens=100)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "openai/gpt-4o-mini"])
def test_cached_tokens_cost_their_own_price(model):
    # gpt-4o-mini: $0.15 input, $0.075 cached, $0.60 output per million
    assert PriceTable().cost(model, USAGE, AT) == Decimal("0.000195")


def test_overrides_go_before_the_table():
    prices = PriceTable({"gpt-4o-mini": (Decimal(1), Decimal(10))})
    assert prices.cost("gpt-4o-mini", USAGE, AT) == Decimal("0.002")


@pytest.mark.parametrize(
    ("model", "usage"),
    [("nobody/knows-this", USAGE), ("no-such-model", USAGE), ("gpt-4o-mini", Usage(input_tokens=5))],
)
def test_what_is_not_known_is_unknown_and_never_free(model, usage):
    assert PriceTable().cost(model, usage, AT) is None


def test_the_table_says_where_it_is_from():
    table = PriceTable()
    assert table.source.startswith("genai-prices ")
    assert date(2026, 1, 1) < table.date
