"""Logs that lack something: what follows is unknown, with the reason, and nothing else is."""

import json
import sqlite3
from decimal import Decimal

import pytest
from support.planted_logs import call, changed, orders, profiled, the_profile, tickets

from insource.arms.classical.first_look import first_look
from insource.types import Labels, Usage

KNOWN_UNKNOWN = {"waiting.first_token_p50_s", "waiting.within_need"}
"""What a planted log lacks by itself: no call was streamed, and no need is stated."""
NEEDS_AN_INPUT_TWICE = {"repetition.same_answer", "data.disagreement", "data.contradictions"}
NEEDS_FEEDBACK = {"data.corrections", "data.rated_down"}
CASCADE = {f"privacy.leaves.7.{name}" for name in ("calls_per_month", "sensitive_calls_per_month")}
ALWAYS = KNOWN_UNKNOWN | NEEDS_AN_INPUT_TWICE | NEEDS_FEEDBACK | CASCADE | {"narrowness.new_values"}
MONEY = {
    "spending.per_1000_usd",
    "spending.per_month_usd",
    "spending.trend",
    "repetition.exact_usd_per_month",
}


def unknown(calls, **given):
    """The profile, and what is unknown beside what always is."""
    found = the_profile(calls, **given)
    why = found.unknown()
    assert all(why.values()), "an unknown figure without a reason"
    return found, {name: reason for name, reason in why.items() if name not in ALWAYS}


def test_a_whole_log_has_no_further_unknowns():
    assert unknown(orders())[1] == {}


def test_without_prices_no_money_is_known():
    made = [
        changed(one, cost_usd=None, unpriced_because="the model is not in the price table")
        for one in orders()
    ]
    found, why = unknown(made)
    assert set(why) == MONEY
    assert "not in the price table (600 calls)" in why["spending.per_month_usd"]
    assert found.spending.usd is None
    assert found.spending.unpriced == {"the model is not in the price table": 600}


def test_a_month_of_which_much_has_no_price_is_unknown_and_a_little_is_said():
    half = [changed(one, cost_usd=None) if number % 2 else one for number, one in enumerate(orders())]
    found, why = unknown(half)
    assert set(why) == MONEY - {"spending.per_1000_usd"}
    assert "300 of 600" in why["spending.per_month_usd"]
    assert found.spending.usd == Decimal("0.6")
    few = [changed(one, cost_usd=None) if number % 20 == 0 else one for number, one in enumerate(orders())]
    found, why = unknown(few)
    assert why == {}
    assert "without 30 calls of unknown cost" in found.spending.per_month_usd.note


def test_costs_in_two_currencies_are_not_added_up():
    made = [
        changed(one, tags={"currency": "EUR" if number % 3 == 0 else "usd"})
        for number, one in enumerate(orders())
    ]
    found, why = unknown(made)
    assert set(why) == MONEY
    assert "USD (400 calls), EUR (200 calls)" in why["spending.per_month_usd"]
    assert found.spending.usd is None


def test_a_price_that_nobody_lists_leaves_the_savings_unknown():
    made = [changed(one, model_asked="in-house-7", model_answered="in-house-7") for one in orders()]
    _, why = unknown(made)
    assert set(why) == {"constant.trimming_usd_per_month", "constant.caching_usd_per_month"}
    assert "price of a model" in why["constant.trimming_usd_per_month"]


def test_missing_latencies_and_tokens_are_named():
    found, why = unknown([changed(one, latency_s=None) for one in orders()], need_s={"orders": 1.0})
    assert set(why) == {"traffic.in_flight", "waiting.p50_s", "waiting.p95_s", "waiting.p99_s"}
    assert found.unknown()["waiting.within_need"] == "no call has a latency"
    _, why = unknown([changed(one, usage=Usage()) for one in orders()])
    assert {name for name in why if name.startswith("spending")} == {
        f"spending.{name}" for name in ("input_tokens", "input_tokens_p95", "output_tokens", "cached")
    }
    assert "constant.tokens" in why


def test_a_log_of_hours_says_nothing_of_a_month_or_a_quarter():
    found, why = unknown(orders(a_day=600, days=1)[:300])
    assert found.traffic.days < 1
    per_month = {name for name in why if "month" in name or "trend" in name}
    assert {"traffic.per_month", "traffic.trend", "spending.per_month_usd"} <= per_month
    assert {"narrowness.prompt_changes", "narrowness.schema_changes", "traffic.peak_over_mean"} <= set(why)
    assert "hours, less than a day" in why["traffic.per_month"]
    # What needs no time is known.
    assert found.spending.per_1000_usd.value == pytest.approx(2.0)
    assert found.repetition.exact.measured
    assert "does not speak for other days" in found.repetition.exact.note


def test_a_log_of_some_days_has_a_month_without_an_interval():
    found, why = unknown(orders(days=4))
    assert found.traffic.per_month.value == pytest.approx(20 * 30.4375, rel=0.02)
    assert found.traffic.per_month.low is None
    assert "fewer than 7" in found.traffic.per_month.note
    assert set(why) == {"traffic.trend", "spending.trend"}
    assert found.spending.per_month_usd.low is None


def test_a_task_kept_as_metadata_only_has_its_numbers_and_nothing_else():
    made = [changed(one, request={}, response=None, response_text="") for one in orders()]
    found, why = unknown(made, fit=first_look)
    assert found.traffic.without_text == 600
    assert found.spending.per_month_usd.measured
    assert {"narrowness.in_three_prompts", "repetition.near", "constant.share", "privacy.calls"} <= set(why)
    assert found.privacy.proposed == "unknown"
    assert found.data.inputs == 0
    assert found.rungs == ()


def test_a_task_that_never_answered():
    made = [
        changed(one, outcome="error", response_text="", cost_usd=None, error="overloaded") for one in orders()
    ]
    found, why = unknown(made)
    assert found.traffic.not_answered.value == 1
    assert found.traffic.errors == 600
    assert {"narrowness.one_form", "narrowness.extractive", *MONEY} <= set(why)
    assert found.spending.unpriced == {}  # nobody charges for errors


def test_a_log_without_calls_has_no_profiles():
    found = profiled([])
    assert (found.profiles, found.calls, found.usd, found.days) == ((), 0, None, 0.0)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_handful_of_calls_is_counted_and_not_judged(count):
    found, why = unknown(orders()[:count])
    assert found.traffic.calls == count
    assert "ten calls" in why["narrowness.in_three_prompts"]
    assert "traffic.per_month" in why


ODD = {
    "no messages": {"request": {"model": "m"}},
    "messages that are a text": {"request": {"messages": "hello"}},
    "content that is a number": {"request": {"messages": [{"role": "user", "content": 7}]}},
    "an empty document": {"request": {"messages": [{"role": "user", "content": "  "}]}},
    "an image": {
        "request": {
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
        }
    },
    "an answer cut within JSON": {"response_text": '{"customer": "A', "finish_reason": "length"},
    "an answer that is a list": {"response_text": '[{"customer": "A"}, 3]'},
    "an answer of half a character": {"response_text": json.dumps({"customer": "\ud800"})},
    "an answer with NaN": {"response_text": '{"customer": NaN}'},
    "an answer nested too deeply": {"response_text": "[" * 100_000},
    "a huge number": {"response_text": '{"quantity": 1' + "0" * 400 + "}"},
    "no finish reason": {"finish_reason": "unknown"},
    "a negative cost": {"cost_usd": Decimal("-0.001")},
    "no tokens": {"usage": Usage()},
    "zero tokens": {"usage": Usage(input_tokens=0, cached_tokens=0, output_tokens=0)},
    "more cached than given": {"usage": Usage(input_tokens=10, cached_tokens=50, output_tokens=5)},
    "a tag of a currency without a name": {"tags": {"currency": " "}},
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD)
def test_an_odd_call_among_others_stops_nothing(fields):
    made = [changed(one, **fields) if number % 50 == 0 else one for number, one in enumerate(orders(days=10))]
    found = profiled(made)
    assert found.calls == 200
    counted = sum(one.traffic.calls for one in found.profiles) + found.scattered + found.without_text
    assert counted == 200


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD)
def test_a_log_of_nothing_but_odd_calls_is_profiled(fields):
    found = the_profile([changed(one, **fields) for one in orders(a_day=4, days=10)], fit=first_look)
    assert found.traffic.calls == 40
    assert all(found.unknown().values())


def test_labels_of_one_kind_cannot_be_fitted_and_it_is_said():
    made = [changed(one, response_text="billing") for one in tickets(days=10)]
    found = the_profile(made, fit=first_look)
    assert found.rungs == ()
    assert "two labels" in found.rungs_note


def test_free_text_has_no_rung():
    made = [
        changed(one, response_text=f"{one.response_text} It is a long answer. " * 4)
        for one in tickets(days=10)
    ]
    found = the_profile(made, fit=first_look)
    assert found.narrowness.answers == "text"
    assert "free text" in found.rungs_note


def test_a_payload_that_nothing_wrote_is_a_call_without_text(tmp_path):
    from support.planted_logs import stored

    path = tmp_path / "insource.db"
    stored(path, orders(days=10))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE calls SET payload = 'no JSON' WHERE call_id = 'c000003'")
    from insource.decision.from_log.profile import Given, profile_log
    from insource.store.database import open_database

    with open_database(path) as database:
        (found,) = profile_log(database, Given(price=lambda *_: None, folder=tmp_path)).profiles
    assert found.traffic.without_text == 1
    assert found.traffic.calls == 200


def test_a_call_purged_after_it_was_read_is_passed_over(monkeypatch):
    from insource.decision.from_log import samples

    known = samples.get_call
    monkeypatch.setattr(
        samples, "get_call", lambda database, one: None if one == "c000003" else known(database, one)
    )
    assert the_profile(orders(days=10)).traffic.calls == 200


def test_one_long_document_of_many_calls_is_told_apart_by_its_middle():
    """Discovery reads the beginning and the end of long messages; inputs are counted by all of their text."""
    frame = "x" * 4000, "y" * 2000
    made = [
        call(number, f"{frame[0]} {'middle ' * (100 + number)} {frame[1]}", '{"a": 1}')
        for number in range(200)
    ]
    assert the_profile(made).data.inputs == 200


def test_answers_outside_the_labels_of_the_contract_are_no_form():
    made = [
        changed(one, response_text="returns") if number % 4 == 0 else one
        for number, one in enumerate(tickets(days=10))
    ]
    given = Labels(names=("Billing", "technical", "shipping"))
    found = the_profile(made, outputs={"orders": given}).narrowness
    assert found.answers == "labels"
    assert found.one_form.value == 0.75
