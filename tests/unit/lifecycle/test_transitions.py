"""The moves between deployments: what answers before and after each, and which are refused."""

from datetime import UTC, datetime

import pytest

from insource.foundation.errors import UserError
from insource.lifecycle.transitions import (
    champion_rolled_back,
    in_canary,
    in_shadow,
    nothing_deployed,
    promoted,
    rolled_back,
)
from insource.types.deployment import Version

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def version(name):
    return Version(
        name=name, task="specs", run_id=name, arm="t", digest=name, policy_digest="p", max_error=0.1
    )


A, B, C = version("a"), version("b"), version("c")


def deployed(champion=None, challenger=None, previous=None, stage="idle"):
    return nothing_deployed("specs", NOW).model_copy(
        update={"champion": champion, "challenger": challenger, "previous": previous, "stage": stage}
    )


def roles(one):
    return one.champion, one.challenger, one.previous, one.stage


@pytest.mark.parametrize(
    ("before", "move", "after"),
    [
        (deployed(), lambda d: in_shadow(d, A, NOW), (None, A, None, "shadow")),
        (deployed(A), lambda d: in_shadow(d, B, NOW), (A, B, None, "shadow")),
        (deployed(A, B, stage="shadow"), lambda d: in_canary(d, B, 0.01, NOW), (A, B, None, "canary")),
        (deployed(A, B, stage="canary"), lambda d: promoted(d, NOW), (B, None, A, "idle")),
        (deployed(None, A, stage="canary"), lambda d: promoted(d, NOW), (A, None, None, "idle")),
        (deployed(A, B, C, "canary"), lambda d: rolled_back(d, NOW), (A, None, C, "idle")),
        (deployed(B, None, A), lambda d: rolled_back(d, NOW), (A, None, None, "idle")),
        (deployed(A), lambda d: rolled_back(d, NOW), (None, None, None, "idle")),
        (deployed(B, C, A, "canary"), lambda d: champion_rolled_back(d, NOW), (A, C, None, "canary")),
    ],
)
def test_who_answers_after_a_move(before, move, after):
    assert roles(move(before)) == after


@pytest.mark.parametrize(
    ("before", "move", "code"),
    [
        (deployed(A), lambda d: in_shadow(d, A, NOW), "already-deployed"),
        (deployed(A, B, stage="canary"), lambda d: in_canary(d, C, 0.1, NOW), "rollout-in-progress"),
        (deployed(A), lambda d: promoted(d, NOW), "no-challenger"),
        (deployed(), lambda d: rolled_back(d, NOW), "nothing-to-roll-back"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused(before, move, code):
    with pytest.raises(UserError) as refused:
        move(before)
    assert refused.value.code == code
    assert refused.value.hint


def test_a_new_challenger_is_tried_on_other_callers_and_the_same_one_on_the_same():
    shadow = in_shadow(deployed(), A, NOW)
    assert in_canary(shadow, A, 0.1, NOW).salt == shadow.salt
    assert in_shadow(deployed(), A, NOW).salt != shadow.salt
