"""The causes that anchors name, case by case, and which anchors are asked when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from insource.lifecycle.anchors.attribution import GUARD_AUDITS, Harm, attribute
from insource.lifecycle.anchors.rounds import rounds_of
from insource.lifecycle.anchors.schedule import FIRST_ROUNDS, PRESSED_ROUNDS, due
from insource.types.deployment import AnchorCheck

START = datetime(2026, 11, 28, tzinfo=UTC)
DAY = 86_400


def hour(number):
    return START + timedelta(hours=number)


def check(anchor, at, *, same=True, right=True, side="cloud", model="m"):
    return AnchorCheck(
        task="t", anchor_id=str(anchor), at=hour(at), side=side, model=model, right=right, same=same
    )


def rounds(count, anchors=60, moved=0, since=99):
    """So many hourly rounds; from the hour ``since`` on the first ``moved`` anchors answer otherwise."""
    return [
        check(
            a,
            n,
            same=None if n == 0 else not (n >= since and a < moved),
            right=not (n >= since and a < moved),
        )
        for n in range(count)
        for a in range(anchors)
    ]


def cause(checks, harm=None, anchors=60, **options):
    found = attribute(checks, anchors, harm, slo=0.05, alpha=0.01, **options)
    return found and found.cause


HARM = Harm(hour(4) - timedelta(minutes=1), 0)


@pytest.mark.parametrize(
    ("checks", "harm", "expected"),
    [
        ([], None, "none"),
        (rounds(4), None, "none"),
        (rounds(4), HARM, "open"),  # not asked since
        (rounds(5)[: 4 * 60 + 20], HARM, "open"),  # a third of the anchors asked since
        (rounds(5), HARM, "local"),
        (rounds(5, moved=12, since=4), HARM, "cloud"),
        (rounds(5, moved=12, since=4), None, "cloud"),
        (rounds(5, moved=2, since=4), HARM, "open"),
        (rounds(6, moved=2, since=4), HARM._replace(audits_after=GUARD_AUDITS), "open"),  # too little to tell
        (rounds(6, anchors=30), HARM, "open"),  # too few to clear the cloud …
        (rounds(6, anchors=30), HARM._replace(audits_after=GUARD_AUDITS), "local"),  # … so the guard does
        (rounds(1), HARM, "open"),  # nothing to compare with
    ],
)
def test_the_cause(checks, harm, expected):
    anchors = max(len({one.anchor_id for one in checks}), 1)
    assert cause(checks, harm, anchors) == expected


def test_without_anchors_there_is_no_opinion():
    assert cause([], HARM, anchors=0) is None


def test_a_cloud_that_changes_back_was_changed_nevertheless():
    checks = rounds(5, moved=20, since=4) + [check(a, n) for n in range(5, 9) for a in range(60)]
    assert cause(checks) == "cloud"


def test_a_local_model_is_blamed_by_people_and_the_cloud_together():
    """Only anchors that the cloud has right count, and only checks of the version in question."""
    local = [check(a, 4, side="local", model="v2", right=a >= 15, same=None) for a in range(60)]
    assert cause([*rounds(4), *local], HARM, version="v2") == "local"
    assert cause([*rounds(4), *local], HARM, version="v1") == "open"
    assert cause([*rounds(4), *local], None, version="v2") == "none"
    wrong = [one.model_copy(update={"right": int(one.anchor_id) >= 15}) for one in rounds(4)]
    assert cause([*wrong, *local], HARM, version="v2") == "open"


def test_a_round_ends_when_an_anchor_comes_again():
    checks = [check(a, 0) for a in (1, 2, 3, 1, 2, 4, 3, 3)]
    assert [[one.anchor_id for one in found] for found in rounds_of(checks)] == [
        ["1", "2", "3"],
        ["1", "2", "4", "3"],
        ["3"],
    ]


@pytest.mark.parametrize(
    ("asked", "now", "harm_since", "expected"),
    [
        ([], 0, None, FIRST_ROUNDS * 2),
        ([0, 0], 1, None, (FIRST_ROUNDS - 2) * 2),  # a first round that was cut short goes on
        ([0] * FIRST_ROUNDS, 1, None, 0),
        ([0] * FIRST_ROUNDS, 24, None, 2),
        ([5] * FIRST_ROUNDS, 0, None, 2),  # the clock was set back
        ([0] * FIRST_ROUNDS, 1, 0.5, 2),
        ([0] * FIRST_ROUNDS + [1], 1.1, 0.5, 0),
        ([0] * FIRST_ROUNDS + [1], 1.2, 0.5, 2),
        (
            [0] * FIRST_ROUNDS + [1 + n / 5 for n in range(PRESSED_ROUNDS)],
            3,
            0.5,
            0,
        ),  # no more than the schedule from then on
    ],
)
def test_which_anchors_are_due(asked, now, harm_since, expected):
    checks = [check(a, at) for at in asked for a in (1, 2)]
    since = None if harm_since is None else hour(harm_since)
    found = due(["1", "2"], checks, hour(now), every_s=DAY, harm_since=since)
    assert len(found) == expected
    forced = due(["1", "2"], checks, hour(now), every_s=DAY, harm_since=since, forced=True)
    assert len(forced) == max(expected, 2)


def test_the_anchor_that_waited_longest_comes_first_and_a_new_one_before_it():
    checks = [check(a, a) for _ in range(FIRST_ROUNDS) for a in (2, 1)]
    assert due(["1", "2"], checks, hour(30), every_s=DAY, harm_since=None) == ("1", "2")
    assert due(["1", "2", "3"], checks, hour(30), every_s=DAY, harm_since=None)[0] == "3"


def test_another_version_makes_those_due_that_were_not_asked_since():
    asked = [check(anchor, at) for at in range(FIRST_ROUNDS) for anchor in "ab"] + [check("a", 6)]
    options = {"every_s": DAY, "harm_since": None}
    assert due("ab", asked, hour(7), **options) == ()
    assert due("ab", asked, hour(7), **options, moved_at=hour(5)) == ("b",)
    assert due("ab", asked, hour(7), **options, moved_at=hour(7)) == ("b", "a")
