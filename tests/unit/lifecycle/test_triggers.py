"""Every trigger is due when its reason holds, and says why when it does not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.config.retrain import RetrainSection
from insource.lifecycle.triggers import Alert, Base, Situation, base_to_train, triggers

MADE = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OWN = Base("own", 100, tried=True)


def situation(**changes):
    given = {"now": MADE + 10 * DAY, "made_at": MADE, "base": OWN, "configured": OWN}
    return Situation(**given | changes)


def due(section=None, **changes):
    found = triggers(RetrainSection(**section or {}), situation(**changes))
    assert [one.name for one in found] == ["drift", "examples", "schema", "calendar", "base"]
    assert all(one.reason.endswith((".", "!")) or ":" in one.reason for one in found)
    return {one.name: one.reason for one in found if one.due}


LATER, EARLIER = Alert(MADE + DAY, "inputs: AUROC 93 %"), Alert(MADE - DAY, "before")
SMALL, LARGE = Base("small", 40), Base("large", 300)


@pytest.mark.parametrize(
    ("section", "changes", "name", "said"),
    [
        ({}, {"alerts": [LATER, EARLIER]}, "drift", "1 drift alert since the last training"),
        ({"drift_alerts": 2}, {"alerts": [LATER, LATER, EARLIER]}, "drift", "AUROC 93 %"),
        ({"examples": 5}, {"labelled": 5, "to_learn": 3}, "examples", "about 3 of them to train on"),
        ({}, {"changes": ["new fields phase"]}, "schema", "New fields phase."),
        ({"every_days": 10}, {}, "calendar", "10.0 days old"),
        ({}, {"configured": Base("other", 300)}, "base", "`training.model` is other"),
        ({}, {"others": [LARGE, SMALL]}, "base", "small is at hand, 40% of the size of own"),
    ],
)
def test_a_reason_makes_its_trigger_due_and_no_other(section, changes, name, said):
    found = due(section, **changes)
    assert list(found) == [name]
    assert said in found[name]


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ({}, {}),
        ({}, {"alerts": [EARLIER]}),
        ({"drift_alerts": 2}, {"alerts": [LATER]}),
        ({"drift_alerts": 0}, {"alerts": [LATER]}),
        ({"examples": 5}, {"labelled": 4}),
        ({"examples": 0}, {"labelled": 400}),
        ({"schema_change": False}, {"changes": ["new fields phase"]}),
        ({"every_days": 10.5}, {}),
        ({"every_days": 1}, {"now": MADE - 30 * DAY}),
        ({}, {"configured": Base("other", 300, tried=True)}),
        ({}, {"others": [LARGE, SMALL._replace(tried=True)]}),
        ({}, {"missing": ["small"]}),
    ],
)
def test_without_its_reason_nothing_is_due(section, changes):
    assert due(section, **changes) == {}


def test_a_clock_before_the_champion_is_said():
    found = triggers(RetrainSection(every_days=1), situation(now=MADE - DAY))
    assert next(one for one in found if one.name == "calendar").reason.startswith("The clock is before")


@pytest.mark.parametrize(
    ("changes", "base"),
    [
        ({}, "own"),
        ({"configured": Base("other")}, "other"),
        ({"configured": Base("other", tried=True)}, "own"),
        ({"others": [LARGE, SMALL]}, "small"),
        ({"others": [SMALL], "configured": Base("other")}, "other"),
        ({"others": [SMALL._replace(tried=True)]}, "own"),
    ],
)
def test_a_cycle_trains_what_was_the_reason_for_it_and_else_the_champions_base(changes, base):
    assert base_to_train(situation(**changes)) == base


@given(wanted=st.integers(1, 50), labelled=st.integers(0, 100))
def test_examples_are_due_from_the_number_that_is_wanted(wanted, labelled):
    assert ("examples" in due({"examples": wanted}, labelled=labelled)) == (labelled >= wanted)
