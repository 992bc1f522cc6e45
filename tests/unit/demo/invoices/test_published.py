"""The peer's figures beside ours: both are named, and ours are those of the unseen layouts."""

import pytest
from support.measured_runs import demo_run

from insource.demo.invoices.published import PUBLISHED, beside
from insource.report.words import value


@pytest.fixture(scope="module")
def result():
    return demo_run()


def test_ours_are_those_of_the_unseen_groups(result):
    said = beside(result)
    ours = said[1 : said.index(next(line for line in said if "published" in line))]
    measured = [
        one
        for one in result.evaluations
        if one.slices.get("unseen groups") and one.arm.role != "baseline" and not one.stopped
    ]
    assert measured
    for line, evaluation in zip(ours, measured, strict=True):
        found = evaluation.slices["unseen groups"]
        assert line.startswith(f"  {evaluation.arm.name}: {value(found['field_accuracy'])} ")
        assert f"{value(found['exact_match'])} " in line
        assert line.endswith(f"of {found['exact_match'].n:,} documents")


def test_an_arm_that_was_stopped_early_is_left_out(result):
    first = next(one for one in result.evaluations if f"  {one.arm.name}:" in "\n".join(beside(result)))
    others = [one for one in result.evaluations if one is not first]
    stopped = first.model_copy(update={"stopped": "no answer of the first five is right"})
    changed = result.model_copy(update={"evaluations": (stopped, *others)})
    assert len(beside(changed)) == len(beside(result)) - 1


def test_theirs_are_credited_with_what_the_cascade_promised(result):
    text = "\n".join(beside(result))
    assert "taskdistill 0.1.1 by Andrii Boiko, Apache-2.0" in text
    assert "94.1% field F1), 67.5% of 600 documents" in text
    assert "97.0%, and reached 94.1%" in text
    assert len(PUBLISHED) == 3
