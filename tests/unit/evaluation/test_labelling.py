"""Labels of the differing documents give the full difference, and say how many are left."""

import pytest

from insource.evaluation.compare import compare
from insource.evaluation.labelling import estimate_from, queue
from insource.evaluation.predictions.judged import judge, task_of
from insource.evaluation.predictions.prediction import Prediction
from insource.foundation.errors import DataError

GOLD = {str(n): "abc"[n % 3] for n in range(90)}
TASK = task_of(GOLD)


def answers(model, right, group=None):
    """Predictions that are right where ``right`` says so; None: the call failed."""
    said = {True: lambda gold: gold, False: lambda gold: "abc"[("abc".index(gold) + 1) % 3]}
    found = {}
    for row, gold in GOLD.items():
        how = right(int(row))
        output = None if how is None else said[how](gold)
        found[row] = Prediction(id=row, model=model, output=output, group=group and f"{group}{int(row) // 9}")
    return found


FIRST = answers("first", lambda n: None if n % 9 == 0 else n % 4 > 0)
SECOND = answers("second", lambda n: n % 5 > 1)


def test_with_every_label_it_is_the_difference_of_all_documents():
    """A failed call counts as a failure in both."""
    judged = judge([*FIRST.values(), *SECOND.values()], GOLD, TASK, ("first", "second")).arms
    full = compare(judged["first"], judged["second"], metric="accuracy", margin=TASK.margin)
    found = queue(FIRST, SECOND, TASK)
    labels = {one.id: GOLD[one.id] for one, _ in found.differing}
    given = estimate_from(found, labels, TASK)
    assert 0 < given.labels == given.differing < given.difference.n == 90
    assert given.difference.value == pytest.approx(full.difference.value)
    assert (given.difference.low, given.difference.high) == (full.difference.low, full.difference.high)
    assert full.outcome == "inconclusive"
    assert given.left is None  # all are labelled: more labels will not do


def test_a_part_of_the_labels_is_read_from_the_top():
    found = queue(FIRST, SECOND, TASK)
    ids = [one.id for one, _ in found.differing]
    given = estimate_from(found, {row: GOLD[row] for row in ids[:20]}, TASK)
    assert given.labels == 20
    assert given.difference.low < given.difference.high
    with pytest.raises(DataError) as raised:
        estimate_from(found, {row: GOLD[row] for row in ids[1:20]}, TASK)
    assert raised.value.code == "labels-not-from-the-top"


def test_without_a_difference_nothing_has_to_be_labelled_and_the_interval_has_a_width():
    given = estimate_from(queue(FIRST, FIRST, TASK), {}, TASK)
    assert given.difference.value == 0
    assert given.difference.low < 0 < given.difference.high


@pytest.mark.parametrize("named", ["first", "second"])
def test_the_groups_of_either_file_count(named):
    ones = answers("first", lambda n: n % 4 > 0, "g" if named == "first" else None)
    others = answers("second", lambda n: n % 5 > 1, "g" if named == "second" else None)
    arms = judge([*ones.values(), *others.values()], GOLD, TASK, ("first", "second")).arms
    asked = compare(arms["first"], arms["second"], metric="accuracy", margin=0.02, question="groups")
    assert (asked.question, asked.units) == ("groups", 10)
