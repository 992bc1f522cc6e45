"""Known and new groups: whom a policy covers, what is to be expected elsewhere, and what is withheld."""

from __future__ import annotations

import numpy as np
import pytest

from insource.routing.bounds.coverage import covers, group_digest, known_groups
from insource.routing.bounds.groups import MOST_REFITS, new_groups, unseen
from insource.routing.bounds.losses import Counted, judged
from insource.routing.cascade import decide, fit_bound
from insource.types import EvalRecord


def documents(groups, each=4, wrong=lambda group, place: False, sure=lambda group, place: 0.9, unit="groups"):
    found = [
        Counted(sure(group, place), wrong(group, place), 1, f"g{group}")
        for group in range(groups)
        for place in range(each)
    ]
    return judged("documents", found, 1, unit)


def policy(known, max_error=0.1, on_infeasible="cloud"):
    return fit_bound(
        known,
        n=len(known.confidence),
        max_error=max_error,
        delta=0.05,
        on_infeasible=on_infeasible,
    )


@pytest.mark.parametrize(("max_error", "needed"), [(0.1, 29), (0.05, 59)])
def test_groups_without_an_error_are_counted_and_not_their_documents(max_error, needed):
    assert policy(documents(needed, each=1), max_error).basis == "guaranteed"
    few = policy(documents(needed - 1, each=50), max_error)
    assert few.basis == "infeasible"
    assert f"needs at least {needed} groups that training never saw, and there are {needed - 1}" in few.reason
    assert "About 1 more new group would support it" in few.reason


def test_a_group_that_is_wrong_weighs_as_much_as_any_other():
    """Three of forty groups are all wrong: 7.5 %, too many to be shown to be below 10 %."""
    found = policy(documents(40, wrong=lambda group, place: group < 3))
    assert found.basis == "infeasible"
    assert "in 40 groups are wrong" in found.reason


def test_the_promise_names_new_groups():
    said = policy(documents(60)).reason
    assert "on average over new groups" in said
    assert "for groups like those that training never saw" in said
    assert "60 groups of 240 documents" in said


def test_too_few_new_groups_are_an_estimate_with_its_range_and_how_many_are_missing():
    known = documents(4, wrong=lambda group, place: group == 0 and place == 0, unit="documents")
    found = new_groups([("validation", known)], 0.5, lambda part: 0.5, max_error=0.05, delta=0.05, held=False)
    assert (found.guarantee, found.groups, found.more) == ("withheld", 4, 55)
    assert (found.loss.value, found.lowest, found.highest) == (0.0625, 0.0, 0.25)
    assert found.loss.high > 0.5  # four groups say hardly anything of others
    assert "takes 59 of them without an error, and 4 can be judged here, so 55 more" in found.reason


def test_no_group_helps_to_set_its_own_threshold():
    """A refit sees the documents of all other groups, in at most so many parts."""
    known, seen = documents(50, unit="documents"), []

    def refit(part):
        seen.append(len(np.unique(part.groups)))
        return 0.5

    found = new_groups([("calibration", known)], 0.5, refit, max_error=0.1, delta=0.05, held=False)
    assert len(seen) == MOST_REFITS
    assert max(seen) <= 50 - 50 // MOST_REFITS
    assert found.groups == 50
    assert found.more == 0
    assert "`routing.unit`" in found.reason


def test_nothing_served_is_nothing_known():
    found = new_groups(
        [("calibration", documents(3))], None, lambda part: None, max_error=0.1, delta=0.05, held=False
    )
    assert (found.groups, found.loss.value, found.more) == (0, None, 29)
    assert "none can be judged here" in found.reason


def record(row, group, *, seen=None):
    return EvalRecord(row_id=row, group=group, group_seen=seen, status="failed", reason="-")


def test_a_policy_covers_the_groups_of_its_calibration_documents():
    records = [record("1", "a"), record("2", "a"), record("3", "b")]
    known = known_groups(records)
    assert known == tuple(sorted(map(group_digest, "ab")))
    fitted = policy(documents(60)).model_copy(update={"unit": "documents", "calibrated_groups": known})
    assert [covers(fitted, group) for group in ("a", "b", "c", None)] == [True, True, False, None]
    assert covers(fitted.model_copy(update={"basis": "median"}), "a") is False
    assert covers(fitted.model_copy(update={"unit": "groups"}), "c") is True


def test_groups_of_one_document_each_are_no_groups():
    assert known_groups([record("1", "a"), record("2", "b"), record("3", None)]) == ()


def test_only_groups_that_training_never_saw_are_new():
    records = [record("1", "a", seen=True), record("2", "b", seen=False), record("3", None), record("4", "c")]
    assert [one.row_id for one in unseen(records)] == ["2"]


def test_a_group_that_is_not_covered_goes_to_the_cloud_where_the_caller_names_it():
    known = known_groups([record("1", "a"), record("2", "a")])
    fitted = policy(documents(60)).model_copy(update={"unit": "documents", "calibrated_groups": known})
    assert decide(fitted, 0.95, group="a") == decide(fitted, 0.95) == ("local", "confident")
    assert decide(fitted, 0.95, group="b") == ("cloud", "new-group")
    assert decide(fitted, 0.1, group="b") == ("cloud", "low-confidence")
    unit = fitted.model_copy(update={"unit": "groups"})
    without = fitted.model_copy(update={"basis": "median"})
    ungrouped = fitted.model_copy(update={"calibrated_groups": ()})
    assert {decide(one, 0.95, group="b")[0] for one in (unit, without, ungrouped)} == {"local"}
