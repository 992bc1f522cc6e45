"""What finished cycles took is in the economics, in the place of what was assumed, unless a person set it."""

from datetime import UTC, datetime, timedelta

import pytest

from insource.config.decision import DecisionSection
from insource.decision.advice.retrainings import per_year, with_cycles
from insource.decision.economics.assumptions import assumptions
from insource.decision.economics.flows import RETRAINING, upkeep_lines
from insource.decision.economics.options import Option
from insource.decision.economics.quantities import measured
from insource.decision.economics.valuation import Exact
from insource.types.retraining import Cycle, CycleCost

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def cycle(days=0.0, *, labels=0, cloud_usd=0.0, **changes):
    at = (FIRST + timedelta(days=days)).isoformat()
    said = {
        "cycle_id": f"c{days}",
        "task": "t",
        "started_at": at,
        "step": "done",
        "outcome": "promoted",
        "triggers": (),
        "champion": "r",
        "champion_base": "b",
        "base": "b",
        "cost": CycleCost(labels=labels, cloud_usd=cloud_usd),
    }
    return Cycle(**said | changes)


def given(*cycles, **keys):
    section = DecisionSection(**keys)
    return with_cycles(assumptions(section), cycles, section.model_fields_set)


def test_without_a_finished_cycle_everything_is_assumed():
    plain = assumptions(DecisionSection())
    assert given() == plain
    assert given(cycle(step="made"), cycle(outcome="nothing new", labels=9)) == plain


def test_labels_and_cost_are_the_mean_of_the_cycles_with_its_interval():
    found = given(cycle(labels=10, cloud_usd=1.0), cycle(100, labels=30, cloud_usd=3.0))
    assert (float(found.retraining_labels.value), found.retraining_labels.source) == (
        20,
        "the retrainings so far",
    )
    assert found.retraining_labels.low == 0
    assert found.retraining_labels.high > 30
    assert float(found.retraining_usd.value) == 2
    assert found.retraining_usd in found.quantities()


def test_what_a_person_set_is_kept():
    found = given(cycle(labels=10), retraining_labels=500)
    assert (float(found.retraining_labels.value), found.retraining_labels.origin) == (500, "yours")


@pytest.mark.parametrize("days", [[0], [0, 10], [0, 29.9]])
def test_a_short_history_says_nothing_about_a_year(days):
    assert per_year([FIRST + timedelta(days=day) for day in days]).value is None


def test_a_cycle_every_quarter_is_four_a_year():
    found = per_year([FIRST + timedelta(days=91.3125 * n) for n in range(5)])
    assert found.value == pytest.approx(4.0)
    assert found.low < 4.0 < found.high
    assert found.n == 4


def test_the_cost_of_a_cycle_takes_the_place_of_the_training_of_the_option():
    """Two cycles a year: labels and what was measured beside them, by hand."""
    training = measured("training_usd", 7.0, unit="USD", source="test")
    option = Option(name="tuned", machine_seconds=None, retrained=True, training_usd=training)
    keys = {"retrainings_per_year": 2, "label_minutes": 3, "label_usd_per_hour": 40}
    assumed = upkeep_lines(option, assumptions(DecisionSection(**keys, retraining_labels=10)), Exact())
    assert float(assumed[RETRAINING]) == pytest.approx(2 / 12 * (10 * 3 / 60 * 40 + 7))
    found = upkeep_lines(option, given(cycle(labels=10, cloud_usd=2.5), **keys), Exact())
    assert float(found[RETRAINING]) == pytest.approx(2 / 12 * (10 * 3 / 60 * 40 + 2.5))
