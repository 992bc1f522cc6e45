"""What the tuned model's answers are held to: found once, kept, and explained."""

import pytest
from support.arms import dataset_of
from support.orders import TASK, orders
from support.walks import FakeDisplay, session_on

from insource.models.grounding.grounding import Grounding
from insource.types import Labels
from insource.workflow.ground import Grounded, ground


@pytest.fixture
def dataset():
    examples = orders(60)
    return dataset_of(tuple(examples[:50]), tuple(examples[50:]), TASK)


def test_it_is_kept_and_read_back(project, dataset):
    session = session_on(project(), FakeDisplay())
    found = ground(session, dataset, TASK)
    again = ground(session, dataset, TASK)
    assert found == again == Grounded(Grounding.load(found.file), found.file)
    assert "order.cups" in found.grounding.names
    assert [stage.skipped for stage in session.stages] == [False, True]


def test_every_field_is_named_with_its_reason(project, dataset):
    display = FakeDisplay()
    ground(session_on(project(), display), dataset, TASK)
    said = " ".join(display.notes)
    assert "ruled out for" in said
    assert "order.cups (100.0% of 50 values were found)" in said


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ('[serving]\ngrounding = "off"\n', TASK),
        ("", TASK.model_copy(update={"output": Labels(names=("a", "b"))})),
    ],
)
def test_nothing_is_held_where_it_is_off_and_for_labels(project, dataset, config, task):
    session = session_on(project(config=config), FakeDisplay())
    assert ground(session, dataset, task) == Grounded()
    assert session.stages == []


def test_rows_that_show_nothing_hold_nothing(project, dataset):
    few = dataset.model_copy(update={"splits": dataset.splits | {"train": dataset.splits["train"][:5]}})
    session = session_on(project(), FakeDisplay())
    assert ground(session, few, TASK) == Grounded()
    assert not [line for line in session.display.notes if line.startswith(("Values the", "Limited by"))]
