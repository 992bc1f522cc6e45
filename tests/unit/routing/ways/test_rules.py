"""The first rule whose conditions a call meets says which ways it takes; rules are kept as JSON."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from insource.routing.ways.rules import CallFacts, Spent, rule_for
from insource.types.ways import Rule

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def rule(**conditions):
    return Rule(use=("local",), **conditions)


@pytest.mark.parametrize(
    ("conditions", "call", "met"),
    [
        ({}, {}, True),
        ({"keys": ("web",)}, {"key": "web"}, True),
        ({"keys": ("web",)}, {}, False),
        ({"users": ("acme", "bank")}, {"user": "bank"}, True),
        ({"users": ("acme",), "features": ("search",)}, {"user": "acme"}, False),
        ({"hours": "11:59-12:01"}, {}, True),
        ({"hours": "12:00-13:00"}, {}, True),
        ({"hours": "11:00-12:00"}, {}, False),
        ({"hours": "22:00-06:00"}, {}, False),
        ({"hours": "22:00-06:00"}, {"at": NOON.replace(hour=23)}, True),
        ({"hours": "22:00-06:00"}, {"at": NOON.replace(hour=5, minute=59)}, True),
        ({"hours": "12:00-13:00"}, {"at": NOON.astimezone(timezone(timedelta(hours=9)))}, True),
        ({"spent_usd": 5}, {"spent": Spent(4.99)}, False),
        ({"spent_usd": 5}, {"spent": Spent(5.0)}, True),
        ({"spent_usd": 5}, {"spent": Spent(5.0, whole=False)}, True),
        ({"local_slower_than_s": 2}, {"wait_s": 2.0}, False),
        ({"local_slower_than_s": 2}, {"wait_s": 2.1}, True),
    ],
)
def test_a_rule_is_for_calls_that_meet_all_its_conditions(conditions, call, met):
    one = rule(**conditions)
    found = rule_for((one,), CallFacts(**{"at": NOON} | call), "expensive")
    assert found is (one if met else None)


@pytest.mark.parametrize(("fail", "met"), [("expensive", False), ("closed", True)])
def test_a_sum_that_lacks_the_cost_of_a_call_counts_as_configured(fail, met):
    call = CallFacts(NOON, spent=Spent(1.0, whole=False))
    assert (rule_for((rule(spent_usd=5),), call, fail) is not None) == met


def test_the_first_of_several_rules_counts():
    first, second = rule(users=("acme",)), rule()
    assert rule_for((first, second), CallFacts(NOON, user="acme"), "closed") is first
    assert rule_for((first, second), CallFacts(NOON), "closed") is second


def test_rules_survive_json():
    one = Rule(name="night", hours="22:00-06:00", spent_usd=2.5, use=("local", "tier", "cloud", "person"))
    assert Rule.model_validate_json(one.model_dump_json()) == one


@pytest.mark.parametrize("wrong", [{"hours": "25:00-26:00"}, {"hours": "9-17"}, {"use": ("elsewhere",)}])
def test_a_rule_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        Rule(**{"use": ("local",)} | wrong)
