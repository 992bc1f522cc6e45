"""The primary comparison is written down before the test split is read, and only then does it prove."""

import pytest
from support.arms import dataset_of, made_of
from support.walks import FakeDisplay, session_on

from insource.evaluation.registration import sealed
from insource.foundation.errors import DataError
from insource.types import Estimate
from insource.types.choice import Choice, Trial
from insource.workflow.evaluate import evaluate_arms
from insource.workflow.judge import judge
from insource.workflow.looks import every_look
from insource.workflow.register import FOLDER, register_choice, with_standing

TRIAL = Trial(arm="tuned", kind="tuned", role="candidate", value=Estimate(value=0.9, n=20))
CHOICE = Choice(
    candidate="tuned", baseline="gpt", metric="accuracy", margin=0.02, trials=(TRIAL,), reason="the best"
)


@pytest.fixture
def walk(project):
    return session_on(project(config="[task]\nname = 'tickets'\n"), FakeDisplay())


@pytest.fixture
def dataset(rows, label_task):
    lines = [line | {"cloud_outputs": {"gpt": line["output"]}} for line in rows.tickets(40)]
    examples = rows.examples(lines)
    return dataset_of(examples[:10], examples[10:], label_task, clouds=("gpt",))


def measured(session, dataset, task, folder):
    made = made_of(task, folder, dataset.splits["test"])
    evaluated = evaluate_arms(session, dataset, task, made, choice=CHOICE)
    return judge(session, dataset, task, evaluated, CHOICE).comparisons


def stands(session, dataset, comparisons, registration):
    return with_standing(session, dataset.splits["test"], comparisons, registration)[0].standing.kind


def test_registered_before_the_first_look_it_is_confirmatory(walk, dataset, label_task, tmp_path):
    registration = register_choice(walk, dataset, label_task, CHOICE)
    assert (registration.candidate, registration.baseline) == ("tuned", "gpt")
    assert registration.chosen == {"tuned": TRIAL.value}
    comparisons = measured(walk, dataset, label_task, tmp_path)
    assert stands(walk, dataset, comparisons, registration) == "confirmatory"
    again = register_choice(walk, dataset, label_task, CHOICE)
    assert again == registration  # the first one holds, whenever the command is repeated


def test_registered_after_a_look_it_is_exploratory(walk, dataset, label_task, tmp_path):
    comparisons = measured(walk, dataset, label_task, tmp_path)
    registration = register_choice(walk, dataset, label_task, CHOICE)
    assert stands(walk, dataset, comparisons, registration) == "exploratory"
    assert stands(walk, dataset, comparisons, None) == "exploratory"


def test_another_comparison_than_the_registered_one_is_exploratory(walk, dataset, label_task, tmp_path):
    other = CHOICE.model_copy(update={"baseline": "floor"})
    registration = register_choice(walk, dataset, label_task, other)
    comparisons = measured(walk, dataset, label_task, tmp_path)
    assert stands(walk, dataset, comparisons, registration) == "exploratory"


def test_other_terms_are_another_registration(walk, dataset, label_task):
    register_choice(walk, dataset, label_task, CHOICE)
    register_choice(walk, dataset, label_task.model_copy(update={"margin": 0.05}), CHOICE)
    assert len(list((walk.project.workspace / FOLDER).iterdir())) == 2


def test_terms_that_are_returned_to_are_registered_anew_until_somebody_has_looked(
    walk, dataset, label_task, tmp_path
):
    other = CHOICE.model_copy(update={"candidate": "base"})
    first = register_choice(walk, dataset, label_task, CHOICE)
    register_choice(walk, dataset, label_task, other)
    again = register_choice(walk, dataset, label_task, CHOICE)
    assert again.registered_at > first.registered_at
    comparisons = measured(walk, dataset, label_task, tmp_path)
    assert stands(walk, dataset, comparisons, again) == "confirmatory"
    late = register_choice(walk, dataset, label_task, other)
    assert late.registered_at < again.registered_at  # it stays what it was, and decides nothing
    assert register_choice(walk, dataset, label_task, CHOICE) == again


def test_a_measurement_that_was_interrupted_is_one_look(walk, dataset, label_task, tmp_path):
    """What was answered before is read from the journal: nobody has seen a result in between."""
    registration = register_choice(walk, dataset, label_task, CHOICE)

    def interrupt(text, done, total):
        if text.startswith("documents") and done == 15:  # in the midst of the cloud, which is the baseline
            raise KeyboardInterrupt

    walk.display.progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        measured(walk, dataset, label_task, tmp_path)
    again = session_on(walk.project.folder, FakeDisplay())
    comparisons = measured(again, dataset, label_task, tmp_path)
    assert len({look.run_id for look in every_look(again, dataset.splits["test"])}) == 2
    assert stands(again, dataset, comparisons, registration) == "confirmatory"


def test_an_edited_registration_is_refused(walk, dataset, label_task):
    registration = register_choice(walk, dataset, label_task, CHOICE)
    (path,) = (walk.project.workspace / FOLDER).iterdir()
    edited = sealed(registration).replace('"margin":0.02', '"margin":0.20')
    path.write_text(edited)
    with pytest.raises(DataError) as raised:
        register_choice(walk, dataset, label_task, CHOICE)
    assert raised.value.code == "registration-changed"


@pytest.mark.parametrize("choice", [None, CHOICE.model_copy(update={"baseline": ""})])
def test_without_a_comparison_nothing_is_registered(walk, dataset, label_task, choice):
    assert register_choice(walk, dataset, label_task, choice) is None
    assert with_standing(walk, dataset.splits["test"], (), None) == ()
