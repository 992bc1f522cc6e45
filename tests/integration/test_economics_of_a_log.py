"""From a stored log to the economics: the calls of one task, their costs and tokens, and other prices."""

import json
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from support.made_economics import bare, tuned
from support.prompt_log import calls

from insource.config.log import OwnPrice
from insource.decision.economics.options import keep, switch
from insource.decision.economics.prices import UnknownPrice, logged_price
from insource.decision.economics.repriced import repriced
from insource.decision.economics.tiers import Tier, cheapest_not_worse
from insource.decision.economics.weigh import weigh
from insource.evaluation.estimators import mean, sampling_units
from insource.logs.recorder import STORE_FILE
from insource.providers import open_reader
from insource.providers.prices import PriceTable
from insource.store.calls.calls import find_calls, insert_calls
from insource.store.database import open_database
from insource.types import Usage

TABLE = PriceTable({"cheap-endpoint": OwnPrice(input=Decimal("0.042"), output=Decimal(0))})
REAL = os.environ.get("INSOURCE_API_LOGS", "")


def billed(call):
    """The call at 2 dollars a million tokens in and 8 out; a call without a cost keeps none."""
    usage = call.usage
    if call.cost_usd is None or usage.input_tokens is None or usage.output_tokens is None:
        return call
    cost = Decimal(2 * usage.input_tokens + 8 * usage.output_tokens) / 1_000_000
    return call.model_copy(update={"cost_usd": cost})


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The calls of a store, as they are read back from it."""
    path = tmp_path_factory.mktemp("log") / STORE_FILE
    with open_database(path) as database:
        with database.write() as connection:
            insert_calls(connection, [billed(call) for _, call in calls(300, seed=3)])
        return [call for call in find_calls(database) if call.cost_usd is not None]


def test_a_log_gives_the_price_of_today_and_that_of_an_endpoint(log):
    assert len(log) > 100
    costs = [float(1000 * call.cost_usd) for call in log]
    paid = {"USD": mean(costs, sampling_units([None] * len(costs)), share=False)}
    today = logged_price("today", paid, f"{len(log)} calls of the log")
    assert float(today.usd_per_1000.value) == pytest.approx(np.mean(costs))
    assert today.usd_per_1000.varies  # documents differ in length

    endpoint = repriced("cheap-endpoint", [call.usage for call in log], TABLE, input_only=True)
    tokens = [call.usage.input_tokens for call in log]
    assert float(endpoint.usd_per_1000.value) == pytest.approx(np.mean(tokens) * 0.042 / 1000)

    given = bare(documents_per_month=500_000, engineering_usd_per_month=400)
    tiers = [
        Tier(option=keep("today", today), standing="incumbent"),
        Tier(option=switch("endpoint", endpoint, given), standing="not worse"),
    ]
    found = cheapest_not_worse(tiers, given)
    assert found.option.name == "endpoint"
    result = weigh(tuned(given), found.option, given, seed=1, draws=500)
    assert result.unknown == ()
    assert "price of cheap-endpoint" in {one.name for one in result.assumptions}
    measured = next(one for one in result.assumptions if one.name == "price of cheap-endpoint")
    assert (measured.origin, measured.distribution) == ("measured", "normal")


@pytest.mark.skipif(not REAL, reason="INSOURCE_API_LOGS names no folder of recorded exchanges")
def test_answers_that_a_provider_really_gave_are_priced_at_other_models():
    """Cached tokens and all, as the providers reported them; a model of a name nobody knows stays unknown."""
    usages = []
    for line in (Path(REAL) / "pydantic_ai_cassettes.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        usage = row["response"].get("usage") if row["path"].endswith("/chat/completions") else None
        if row["status"] == 200 and usage:
            reader = open_reader("chat", streamed=False)
            reader.feed(json.dumps(row["response"]).encode())
            reader.close()
            usages.append(reader.usage)
    assert len(usages) > 20
    mini, full = (repriced(name, usages, PriceTable()) for name in ("gpt-4o-mini", "gpt-4o"))
    assert mini.usd_per_1000.value < full.usd_per_1000.value
    unknown = repriced("a-model-of-tomorrow", usages, PriceTable())
    assert isinstance(unknown, UnknownPrice)
    cloud = keep("tomorrow", unknown)
    given = bare()
    assert weigh(tuned(given), cloud, given, seed=1, draws=5).npv_usd.value is None


def test_a_batch_of_the_dated_list_costs_less_and_one_without_a_price_is_unknown():
    usages = [Usage(input_tokens=1000, output_tokens=100)]
    whole, batch = (repriced("gpt-4o", usages, PriceTable(), batch=one) for one in (False, True))
    assert batch.usd_per_1000.value == whole.usd_per_1000.value / 2
    assert isinstance(repriced("deepseek-chat", usages, PriceTable(), batch=True), UnknownPrice)
