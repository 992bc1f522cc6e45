"""What was overridden before training is in the report, and the memory beside its plan."""

from support.example_results import example_result, example_training

from insource.report.sections.training import training


def lead(**changes):
    summary = example_training().model_copy(update=changes)
    return " ".join(training(example_result().model_copy(update={"training": summary})).lead)


def test_an_overridden_check_is_said():
    assert "--force" not in lead()
    said = lead(forced=("leakage: 3 held-out documents are also in the training split.",))
    assert "(--force): leakage: 3 held-out documents" in said


def test_memory_stands_beside_its_plan():
    sizes = {"peak_memory_bytes": 3 * 2**30, "planned_memory_bytes": 2 * 2**30}
    assert "Peak memory: 3.0 GiB; 2.0 GiB were planned." in lead(**sizes)
    assert "Peak memory" not in lead(peak_memory_bytes=0)
