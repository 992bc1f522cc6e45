"""Which training rows are shown, and what no prompt may show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arms import dataset_of

from insource.arms.prompting.few_shot import (
    fixed_examples,
    require_no_test_documents,
    require_no_test_rows,
    retrieved_examples,
    shots_of,
)
from insource.foundation.errors import IntegrityError
from insource.types import Example, Labels, Provenance, Task


def grouped(rows, groups):
    lines = rows.tickets(len(groups))
    pairs = zip(rows.examples(lines), groups, strict=True)
    return tuple(example.model_copy(update={"group": group}) for example, group in pairs)


def test_fixed_examples_show_every_label_before_one_twice(rows, label_task):
    chosen = fixed_examples(rows.examples(rows.tickets(60)), label_task, 3).shots
    assert {shot.target for shot in chosen} == set(rows.labels)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fixed_examples_do_not_depend_on_the_order_of_the_rows(rows, label_task, count):
    examples = rows.examples(rows.tickets(30))
    first = fixed_examples(examples, label_task, count).shots
    assert first == fixed_examples(examples[::-1], label_task, count).shots
    assert len({shot.row_id for shot in first}) == count


def test_fixed_examples_stand_for_all_kinds_of_documents(rows, example_task):
    """Two kinds of documents, one of them rare: both are shown."""
    texts = [f"Pump {n} with a voltage of 230 V" for n in range(9)] + [
        f"Rechnung über {n} Euro" for n in range(4)
    ]
    lines = [line | {"input": text} for line, text in zip(rows.pumps(13), texts, strict=True)]
    chosen = fixed_examples(rows.examples(lines), example_task, 2).shots
    assert {shot.input.split()[0] for shot in chosen} == {"Pump", "Rechnung"}


def test_long_rows_are_no_fixed_examples(rows, example_task):
    lines = rows.pumps(9)
    lines[4] = lines[4] | {"input": "word " * 5000}
    shown = fixed_examples(rows.examples(lines), example_task, 9).shots
    assert lines[4]["id"] not in {shot.row_id for shot in shown}


def test_without_rows_nothing_is_shown_and_one_row_is_enough(rows, label_task):
    one = rows.examples(rows.tickets(1))
    assert fixed_examples((), label_task, 3).shots == retrieved_examples((), None).shots == ()
    assert len(fixed_examples(one, label_task, 3).shots) == 1
    assert len(retrieved_examples(one, None).for_document("another", 3)) == 1


def test_a_row_with_its_own_schema_is_no_example(rows):
    one, two = rows.examples(rows.pumps(2))
    own = one.model_copy(update={"contract": {"type": "object"}})
    assert [shot.row_id for shot in shots_of((own, two))] == [two.row_id]


def test_an_index_of_the_training_split_is_allowed(rows, label_task):
    examples = grouped(rows, ["a", "a", "b", "b", "b", None])
    dataset = dataset_of(examples[:3], examples[3:], label_task)
    require_no_test_rows(shots_of(examples[:3]), dataset)  # group b is in both


@pytest.mark.parametrize("held", ["row", "text", "group"])
def test_an_index_that_holds_the_test_split_is_an_error(rows, label_task, held):
    examples = grouped(rows, ["a", "a", "b", "b", "c", "c", "c", None])
    train, test = examples[:4], examples[5:]
    dataset = dataset_of(train, test, label_task)
    bad = {
        "row": test[2],
        "text": train[0].model_copy(update={"input": f"  {test[0].input.upper()}"}),
        "group": examples[4],  # another row of group c, which only the test split has
    }[held]
    with pytest.raises(IntegrityError) as caught:
        require_no_test_rows(shots_of((*train, bad)), dataset)
    assert caught.value.code == "index-holds-test"
    assert bad.row_id in caught.value.details[0]
    assert caught.value.hint


def made(row_id, group):
    source = Provenance(source="made")
    return Example(row_id=row_id, digest=row_id, input=row_id, target="x", group=group, provenance=source)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([None, "a", "b", "c"])), max_size=12))
def test_a_row_is_refused_exactly_when_only_the_test_split_has_its_group(found):
    task = Task(name="t", instruction="i", output=Labels(names=("x",)), primary_metric="accuracy")
    train = [made(f"row {at}", group) for at, (is_test, group) in enumerate(found) if not is_test]
    test = [made(f"row {at}", group) for at, (is_test, group) in enumerate(found) if is_test]
    dataset = dataset_of(train, test, task)
    require_no_test_rows(shots_of(train), dataset)
    stranger = shots_of((made("new", "c"),))
    if "c" in {one.group for one in test} - {one.group for one in train}:
        with pytest.raises(IntegrityError):
            require_no_test_rows(stranger, dataset)
    else:
        require_no_test_rows(stranger, dataset)


def test_a_folder_that_holds_a_test_document_is_an_error(rows, label_task):
    lines = rows.tickets(9)
    lines[8] = lines[8] | {"input": "The grinder of my coffee machine makes a loud noise."}
    examples = rows.examples(lines)
    dataset = dataset_of(examples[:6], examples[6:], label_task)
    require_no_test_documents({"guide.md": "How to clean a grinder."}, dataset)
    copied = f"Answered tickets\n\n{lines[8]['input'].upper()}\n\nTechnical."
    with pytest.raises(IntegrityError) as caught:
        require_no_test_documents({"guide.md": "How to.", "tickets.md": copied}, dataset)
    assert caught.value.code == "index-holds-test"
    assert caught.value.details == ("tickets.md",)
