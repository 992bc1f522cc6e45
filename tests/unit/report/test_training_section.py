"""The section on training: what chose the checkpoint, the sweep, overfitting."""

import pytest
from support.example_results import example_result

from insource.report import words
from insource.report.page import Plot, Table
from insource.report.sections.training import training
from insource.types import RunResult

LOSS = "Did the loss fall, and when did training stop?"
METRIC = "Did the answers get better, and which step was kept?"


def section(**changes):
    result = example_result()
    return training(result.model_copy(update={"training": result.training.model_copy(update=changes)}))


def plots(found):
    return {block.question: block for block in found.blocks if isinstance(block, Plot)}


def tables(found):
    return {block.caption: block for block in found.blocks if isinstance(block, Table)}


def test_the_metric_of_each_checkpoint_is_a_picture_with_the_kept_step_marked():
    found = plots(section())
    assert list(found) == [LOSS, METRIC]
    answer = found[METRIC].answer.replace(words.NBSP, " ")
    assert answer.startswith("Step 210 was kept: field accuracy 95.0% [86.0, 100.0], n = 40")
    drawn = str(found[METRIC].draw(640))
    assert "chosen: step 210" in drawn
    assert drawn.count("'rule'") == 2  # the intervals, the kept step
    assert len(found[METRIC].table.rows) == 9


@pytest.mark.parametrize("changes", [{"score": None, "metric": ""}, {"curve": ()}])
def test_without_scores_there_is_no_picture_of_them(changes):
    assert METRIC not in plots(section(**changes))


def test_a_step_that_the_loss_would_not_have_kept_is_named():
    answer = plots(section(best_step=270, best_validation_loss=0.12))[LOSS].answer
    assert answer.startswith("Validation loss was lowest at step 210 (0.0772); step 270 was kept (0.12).")


def test_every_trial_of_the_sweep_is_a_row():
    (caption,) = (name for name in tables(section()) if name.startswith("The sweep"))
    table = tables(section())[caption]
    assert table.columns[-1] == "Field accuracy"
    assert [row[:4] for row in table.rows] == [
        ("1", "0.0003", "16", "160"),
        ("1", "0.0003", "4", "160"),
        ("1", "0.001", "16", "160"),
        ("1", "0.001", "4", "160"),
    ]
    assert not any(name.startswith("The sweep") for name in tables(section(trials=())))


def test_overfitting_and_the_gap_are_sentences():
    lead = " ".join(section().lead)
    assert "Overfitting from step 240: at step 270 the validation loss is" in lead
    assert "0.021 nats a token above the training loss" in lead
    assert "No overfitting by the losses." in section(overfitting="").lead


def test_a_result_of_the_time_before_says_nothing_of_it():
    result = example_result()
    new = {"gap", "overfitting", "metric", "score", "trials", "chosen_on"}
    old = result.model_dump(mode="json")
    old["training"] = {key: value for key, value in old["training"].items() if key not in new}
    for point in old["training"]["curve"]:
        del point["task_metric"]
    found = training(RunResult.model_validate(old))
    assert list(plots(found)) == [LOSS]
    assert "verfitting" not in " ".join(found.lead)
