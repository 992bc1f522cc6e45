"""The section on the steps down says which form is the smallest that nothing speaks against."""

from support.step_ladders import step_ladder, stepped_run

from insource.report.page import Bullets, Plot
from insource.report.sections.step_ladder import step_ladder as section_of
from insource.types import RunResult


def plot_of(result: RunResult) -> Plot:
    section = section_of(result)
    return next(block for block in section.blocks if isinstance(block, Plot))


def test_the_smallest_form_before_a_certain_loss_is_named():
    answer = plot_of(stepped_run(60)).answer
    assert answer.startswith("Certainly worse: Q4_K_M against Q8_0.")
    assert "lora, adapter on Q4_1 is the smallest (108 MB)" in answer
    assert "Undecided" not in answer


def test_without_a_loss_the_last_form_may_be_it_and_what_is_undecided_is_said():
    found = step_ladder()
    last = found.steps[-1].model_copy(update={"outcome": "inconclusive"})
    result = stepped_run(60).model_copy(update={"step_ladder": step_ladder(steps=(*found.steps[:-1], last))})
    answer = plot_of(result).answer
    assert answer.startswith("Q4_K_M is the smallest (105 MB)")
    assert answer.endswith("Undecided with so few documents: Q4_K_M.")


def test_every_step_is_drawn_in_order_with_its_whiskers():
    plot = plot_of(stepped_run(60))
    drawn = plot.draw(864)
    values = [value for layer in drawn["layer"] for value in layer["data"]["values"]]
    texts = [value.get("label") or value.get("note") for value in values]
    names = [step.name for step in step_ladder().steps]
    assert [text for text in texts if text in names] == names
    assert "271 MB" in texts
    assert len(plot.table.rows) == len(names)


def test_seeds_fall_back_types_and_absent_steps_are_named():
    section = section_of(stepped_run(60))
    assert "94.0% (seed 0) and 93.0% (seed 1); the range is 1.0 points" in section.lead[0].replace(
        "\u00a0", " "
    )
    told = next(block for block in section.blocks if isinstance(block, Bullets)).items
    assert any("Q5_0, not Q4_K_M" in line for line in told)
    assert any(line.startswith("qlora: not measured") for line in told)
