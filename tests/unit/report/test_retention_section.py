"""The section on overfitting and forgetting gives one sentence for each question."""

import pytest
from support.measured_runs import demo_run
from support.retentions import retained_run, retention, share

from insource.report.sections.retention import answers
from insource.report.sections.retention import retention as section_of
from insource.types import RunResult
from insource.types.retention import AdapterOff, Canaries, Counterfactuals


def told(**changes):
    return dict(answer.split(": ", 1) for answer in answers(retention(**changes)))


@pytest.mark.parametrize(
    ("changes", "topic", "said"),
    [
        ({}, "Overfitting", "not shown. The model is better by +3.0"),
        (
            {"memorised": True, "loss_rose": True, "gap": share(0.3, 0.2, 0.4)},
            "Overfitting",
            "the model memorised its rows",
        ),
        ({}, "Similarity", "not certainly better near to training documents"),
        ({"nearest_minus_farthest": share(0.2, 0.1, 0.3)}, "Similarity", "certainly better near to training"),
        ({}, "Changed documents", "has the new value in 95.0%"),
        (
            {"counterfactuals": Counterfactuals(note="nothing to change")},
            "Changed documents",
            "not measured, nothing to change",
        ),
        ({}, "Canaries", "one of 310 values of a single training label"),
        (
            {"canaries": Canaries(values=3, rate=share(0.02, 0.0, 0.1), found=(("serial", "r1"),))},
            "Canaries",
            "does not state, in serial.",
        ),
        ({}, "Skills", "certainly lost: copying"),
        ({}, "Skills", "no loss can be detected: sorting"),
        ({}, "Drift on prompts of the task", "1.2 nats a token, large"),
        ({}, "Adapter off", "of the answers are those of the base model, log-probabilities at most 0.002"),
        ({"adapter_off": AdapterOff(note="merged")}, "Adapter off", "not measured, merged"),
    ],
)
def test_each_question_has_its_sentence(changes, topic, said):
    assert said in told(**changes)[topic].replace("\u00a0", " ")


def test_the_probe_at_the_floor_says_so_in_its_row():
    tables = {block.caption: block for block in section_of(retained_run(60)).blocks if block.kind == "table"}
    rows = {row[0]: row for row in tables["Skills beside the task"].rows}
    assert rows["sorting"][-1].text == "this probe cannot detect a loss"
    assert rows["copying"][-1].text == "lost"
    assert len(tables) == 4


def test_older_results_have_no_section():
    held = demo_run(60).model_dump(mode="json")
    del held["retention"]
    assert section_of(RunResult.model_validate(held)) is None
