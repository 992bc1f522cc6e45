"""Which rows to label next: disagreement, uncertainty and gaps in one queue, no row that a person checked."""

import pytest
from support.arms import dataset_of
from support.judged import label_records

from insource.decision.sufficiency.labelling import FEWEST_OF_A_PART, gaps_of, to_label
from insource.types import Labels, Provenance


@pytest.fixture
def teacher_rows(rows):
    examples = rows.examples(rows.tickets(60))
    teacher = Provenance(source="test", label="teacher")
    return tuple(one.model_copy(update={"provenance": teacher}) for one in examples)


@pytest.fixture
def dataset(teacher_rows, label_task):
    return dataset_of(teacher_rows[:40], teacher_rows[40:], label_task)


def records(rows, right=lambda row: True, confidence=lambda row: None):
    found = label_records([right(one.row_id) for one in rows])
    return [
        record.model_copy(update={"row_id": row.row_id, "confidence": confidence(row.row_id)})
        for record, row in zip(found, rows, strict=True)
    ]


def test_a_row_with_more_reasons_stands_before_one_with_fewer(dataset, teacher_rows, label_task):
    train = teacher_rows[:40]
    wrong, unsure = {"t3", "t5"}, {"t5", "t9"}
    answered = {
        "n-grams": records(train, lambda row: row not in wrong, lambda row: 0.2 if row in unsure else 0.9),
        "gpt": records(train, lambda row: row not in {"t5"}),
    }
    found = to_label(dataset, label_task, answered, "n-grams")
    first = found.rows[0]
    assert first.row_id == "t5"
    assert first.priority == 1
    assert first.signals == ("disagreement", "uncertainty")
    assert first.reasons[0] == "n-grams and gpt answered otherwise than the label."
    assert {"t3", "t9"} < {one.row_id for one in found.rows}
    assert [one.priority for one in found.rows] == sorted((one.priority for one in found.rows), reverse=True)


def test_rows_that_a_person_checked_are_not_asked_again(teacher_rows, label_task):
    checked = Provenance(source="test", label="checked")
    rows = tuple(
        one.model_copy(update={"provenance": checked}) if one.row_id == "t3" else one for one in teacher_rows
    )
    dataset = dataset_of(rows[:40], rows[40:], label_task)
    found = to_label(dataset, label_task, {"a": records(rows[:40], lambda row: False)}, "a")
    assert "t3" not in {one.row_id for one in found.rows}
    assert (found.checked, found.considered) == (1, 59)
    everything = tuple(one.model_copy(update={"provenance": checked}) for one in teacher_rows)
    none = to_label(dataset_of(everything[:40], everything[40:], label_task), label_task, {}, "")
    assert none.rows == ()
    assert none.note.startswith("A person stands behind the label of every row (60)")


def test_synthetic_rows_are_no_rows_of_the_source(teacher_rows, label_task):
    made = Provenance(source="test", label="teacher", synthetic="edit")
    rows = tuple(one.model_copy(update={"provenance": made}) for one in teacher_rows)
    found = to_label(dataset_of(rows[:40], (), label_task), label_task, {"a": records(rows[:40])}, "a")
    assert (found.considered, found.rows) == (0, ())


def test_labels_and_groups_with_few_examples_are_gaps(teacher_rows, label_task):
    task = label_task.model_copy(update={"output": Labels(names=("billing", "delivery", "technical", "x"))})
    groups = {0: "seldom", 3: "seldom"}
    rows = tuple(
        one.model_copy(update={"group": groups.get(at, f"often {at % 2}")})
        for at, one in enumerate(teacher_rows)
    )
    dataset = dataset_of(rows[:40], rows[40:], task)
    gaps = gaps_of(dataset, task)
    assert [(gap.part, gap.name, gap.rows) for gap in gaps] == [("label", "x", 0), ("group", "seldom", 2)]
    found = to_label(dataset, task, {}, "")
    assert [(one.row_id, one.signals) for one in found.rows] == [("t0", ("coverage",)), ("t3", ("coverage",))]
    assert found.rows[0].reasons == (f"The group seldom has 2 of {FEWEST_OF_A_PART} examples.",)


def test_groups_that_occur_once_are_no_kinds(teacher_rows, label_task):
    rows = tuple(one.model_copy(update={"group": one.row_id}) for one in teacher_rows)
    assert gaps_of(dataset_of(rows[:40], rows[40:], label_task), label_task) == ()


def test_without_a_reason_no_row_is_named(dataset, label_task):
    found = to_label(dataset, label_task, {}, "")
    assert found.rows == ()
    assert "No arm disagrees" in found.note
