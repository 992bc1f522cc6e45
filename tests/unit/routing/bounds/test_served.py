"""What a policy did on the test split: share served, errors, quality and cost, for known and new groups."""

from __future__ import annotations

import pytest

from insource.routing.bounds.coverage import known_groups
from insource.routing.bounds.losses import Counting
from insource.routing.bounds.served import Ways, gain_share, served_shares
from insource.types import EvalRecord, Policy

WAYS = Ways(here_usd=1.0, cloud_usd=10.0)


def record(row, group=None, *, right=True, sure=0.9, seen=None, fields=2):
    score = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    slots = [{"path": f"f{n}", "bucket": "correct" if right or n else "wrong"} for n in range(fields)]
    return EvalRecord.model_validate(
        {"row_id": row, "group": group, "group_seen": seen, "status": "scored", "confidence": sure}
        | {"score": score | {"exact": right, "slots": slots}}
    )


def policy(records=(), **changes):
    return Policy(
        threshold=0.5,
        basis="guaranteed",
        max_error=0.1,
        delta=0.05,
        calibration_n=60,
        expected_local_share=0.5,
        calibrated_groups=known_groups(records),
        reason="",
    ).model_copy(update=changes)


def kept(record):
    return record.confidence >= 0.5


def test_what_is_served_here_and_what_it_costs():
    records = [record("a"), record("b", right=False), record("c", sure=0.1, right=False, fields=6)]
    cloud = {one.row_id: one.model_copy(update={"score": records[0].score}) for one in records}
    (found,) = served_shares(policy(), Counting("documents", 1), records, kept, cloud, WAYS)
    assert (found.name, found.documents, found.groups) == ("all", 3, None)
    assert found.share.value == pytest.approx(2 / 3)
    assert found.fields.value == pytest.approx(4 / 10)
    assert found.loss.value == 0.5
    assert found.loss.n == 2
    assert found.quality.value == pytest.approx(2 / 3)  # what was handed over is right, the wrong one stays
    assert found.cost_per_1000_usd == pytest.approx(1 + 10 / 3)


def test_without_a_cloud_there_is_no_quality_of_the_whole():
    (found,) = served_shares(policy(), Counting("fields", 4), [record("a", right=False)], kept, {}, Ways())
    assert (found.quality, found.cost_per_1000_usd, found.loss.value) == (None, None, 0.5)


def test_known_groups_are_those_of_the_policy_and_not_of_training():
    calibrated = [record("1", "a"), record("2", "a")]
    test = [
        record("3", "a", seen=True),
        record("4", "b", seen=True, right=False),
        record("5", "c", seen=False),
    ]
    found = served_shares(policy(calibrated), Counting("documents", 1), test, kept, {}, Ways())
    assert {one.name: (one.documents, one.loss.value) for one in found} == {
        "all": (3, pytest.approx(1 / 3)),
        "known groups": (1, 0.0),
        "new groups": (2, 0.5),
    }
    by_group = served_shares(policy(unit="groups"), Counting("documents", 1), test, kept, {}, Ways())
    assert {one.name: one.documents for one in by_group} == {"all": 3, "known groups": 2, "new groups": 1}


def test_without_new_groups_one_line_says_all():
    found = served_shares(policy(), Counting("documents", 1), [record("1", "a", seen=True)], kept, {}, Ways())
    assert [one.name for one in found] == ["all"]
    assert served_shares(policy(), Counting("documents", 1), [], kept, {}, Ways()) == ()


def test_by_expected_gain_as_many_are_handed_over_and_nobody_here_is_asked_first():
    records = [record("a"), record("b", right=False), record("c", sure=0.1)]
    right = records[0].score
    cloud = {one.row_id: one.model_copy(update={"score": right}) for one in records}
    found = gain_share(policy(), Counting("documents", 1), records, [0.1, 0.8, 0.3], 1, cloud, WAYS)
    assert (found.name, found.share.value, found.loss.value) == ("by expected gain", pytest.approx(2 / 3), 0)
    assert found.quality.value == 1.0
    assert found.cost_per_1000_usd == pytest.approx((2 * 1.0 + 10.0) / 3)
