"""What is said about the chosen arm: fairly, on labels that people checked, whatever was measured."""

from pathlib import Path

import pytest
from support.arms import dataset_of, made_of
from support.walks import FakeDisplay, session_on

from insource.cli.main import main
from insource.dataset.saved.folder import save
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Evaluated
from insource.runs.folders import Run
from insource.types import Arm, Completion, EvalRecord, Evaluation
from insource.types.choice import Choice
from insource.workflow.evaluate import evaluate_arms
from insource.workflow.judge import judge
from insource.workflow.route import Calibrated, measure_cascade

CHOICE = Choice(candidate="ours", baseline="gpt", metric="accuracy", margin=0.02, trials=(), reason="")
TEACHER = {"source": "log", "label": "teacher", "provider": "openai", "model": "gpt-5"}


@pytest.fixture
def walk(project):
    return session_on(project(config="[task]\nname = 'tickets'\n"), FakeDisplay())


def examples_of(rows, checked):
    """A hundred tickets, of which the first ``checked`` have labels that people checked."""
    made = rows.examples(rows.tickets(100))
    taught = (
        made[0].model_copy(update={"provenance": made[0].provenance.model_copy(update=TEACHER)}).provenance
    )
    return tuple(
        one if place < checked else one.model_copy(update={"provenance": taught})
        for place, one in enumerate(made)
    )


def measured(task, examples, name, right, role="candidate", model=""):
    """An arm that is right on the documents for which ``right`` says so; else it gives another label."""
    score, names, records = build_scorer(task), task.output.names, []
    for place, one in enumerate(examples):
        said = one.target if right(place) else names[(names.index(one.target) + 1) % len(names)]
        completion = Completion(text=said, latency_s=0.1)
        made = score(one, completion)
        records.append(EvalRecord(row_id=one.row_id, status="scored", completion=completion, score=made))
    arm = Arm(name=name, model=model or name, kind=name, role=role, local=role == "candidate")
    evaluation = Evaluation(
        arm=arm, split="test", n=len(records), scored=0, failed=0, unscored=0, metrics={}, fields=()
    )
    run = Run(stage="evaluate", run_id=name, path=Path(name), manifest={"key": name})
    return Evaluated(run, evaluation, tuple(records))


def every(n):
    return lambda place: place % n == 0


def found(walk, task, examples, arms):
    return judge(walk, dataset_of((), examples, task), task, arms, CHOICE)


@pytest.mark.parametrize(
    ("checked", "outcome"), [(100, "better"), (0, "not comparable"), (99, "not comparable")]
)
def test_a_win_needs_labels_that_people_checked(walk, rows, label_task, checked, outcome):
    """One unchecked label among those on which the two differ is one too many."""
    examples = examples_of(rows, checked)
    ours = measured(label_task, examples, "ours", lambda place: True)
    gpt = measured(label_task, examples, "gpt", lambda place: place < 80, "reference")
    judged = found(walk, label_task, examples, (ours, gpt))
    assert judged.comparisons[0].outcome == outcome
    assert ("insource dataset review" in judged.comparisons[0].sentence) == (checked < 100)


@pytest.mark.parametrize(
    ("checked", "called"), [(100, "than gpt on accuracy:"), (0, "agreement with openai/gpt-5:")]
)
def test_a_sentence_calls_a_figure_on_a_model_s_labels_agreement(walk, rows, label_task, checked, called):
    examples = examples_of(rows, checked)
    ours = measured(label_task, examples, "ours", lambda place: place >= 60)
    gpt = measured(label_task, examples, "gpt", lambda place: True, "reference")
    said = found(walk, label_task, examples, (ours, gpt)).comparisons[0].sentence
    assert called in said
    assert ("on accuracy" in said) == (checked == 100)


def test_a_chosen_arm_without_a_test_document_ends_in_words(walk, rows, label_task):
    examples = examples_of(rows, 100)
    gpt = measured(label_task, examples, "gpt", every(2), "reference")
    judged = found(walk, label_task, examples, (gpt,))
    assert judged.comparisons == ()
    assert "answered no test document" in walk.skipped_arms["ours"]
    calibrated = Calibrated(None, gpt, None)
    assert (
        measure_cascade(walk, dataset_of((), examples, label_task), label_task, (gpt,), CHOICE, calibrated)
        == ()
    )


@pytest.mark.parametrize("role", ["reference", "candidate"])
def test_arms_without_a_document_in_common_are_left_out(walk, rows, label_task, role):
    examples = examples_of(rows, 100)
    ours = measured(label_task, examples[:50], "ours", every(1))
    gpt = measured(label_task, examples[:50], "gpt", every(2), "reference")
    apart = measured(label_task, examples[50:], "apart", every(2), role)
    judged = found(walk, label_task, examples, (ours, gpt, apart))
    assert [one.baseline for one in judged.comparisons] == ["gpt"]
    assert "not compared" in walk.skipped_arms["apart"]


@pytest.mark.parametrize(("third", "doubted"), [("claude", 40), ("gpt", 0)])
def test_only_clouds_of_different_models_speak_against_a_label(walk, rows, label_task, third, doubted):
    """Two runs of one model make the same mistakes: their agreement is no evidence."""
    examples = examples_of(rows, 100)
    ours = measured(label_task, examples, "ours", lambda place: place >= 40)
    gpt = measured(label_task, examples, "gpt", lambda place: place >= 40, "reference")
    other = measured(label_task, examples, "again", lambda place: place >= 40, "reference", third)
    judged = found(walk, label_task, examples, (ours, gpt, other))
    causes = {one.cause: one.slots for one in judged.mixes[0].causes}
    assert causes.get("label-doubtful", 0) == doubted


def test_a_label_that_the_cloud_was_not_offered_is_a_cause_of_its_own_errors_alone(walk, rows, label_task):
    examples = examples_of(rows, 100)
    hidden = examples[0].target
    lacking = [place for place, one in enumerate(examples) if one.target == hidden]
    gpt = measured(label_task, examples, "gpt", lambda place: place not in lacking, "reference")
    ours = measured(label_task, examples, "ours", lambda place: place not in lacking[:3])
    judged = found(walk, label_task, examples, (ours, gpt))
    causes = {mix.arm: {one.cause: one.slots for one in mix.causes} for mix in judged.mixes}
    assert causes["gpt"] == {"not-offered": len(lacking)}
    assert "not-offered" not in causes["ours"]


@pytest.mark.parametrize(
    ("kept", "checked", "said"),
    [
        (True, 0, "are not comparable"),
        (True, 60, "is better than"),
        (False, 60, "handicaps of the cloud were not looked for"),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_the_command_says_what_the_run_says(
    walk, rows, label_task, tmp_path, capsys, kept, checked, said, swapped
):
    """Whichever arm is named first."""
    examples = [
        one.model_copy(update={"cloud_outputs": {"gpt": one.target if place % 2 else "technical"}})
        for place, one in enumerate(examples_of(rows, checked)[:60])
    ]
    dataset = dataset_of(examples[:9], examples[9:], label_task, clouds=("gpt",))
    counts = {"counts": {name: len(split) for name, split in dataset.splits.items()}}
    manifest = dataset.manifest.model_copy(update=counts)
    if kept:
        save(dataset.model_copy(update={"manifest": manifest}), walk.project.workspace / "datasets")
    choice = CHOICE.model_copy(update={"candidate": "tuned"})
    evaluate_arms(walk, dataset, label_task, made_of(label_task, tmp_path, examples), choice=choice)
    names = ["gpt", "tuned"] if swapped else ["tuned", "gpt"]
    main(["compare", *names, "--config", str(walk.project.folder / "insource.toml")])
    assert said.replace("better", "worse" if swapped else "better") in capsys.readouterr().err
