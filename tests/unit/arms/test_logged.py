"""Clouds by their recorded answers."""

from support.arms import dataset_of, inputs_of

from insource.arms.factory import CloudPrice
from insource.arms.logged import FACTORY, cloud_plan, plans

PRICE = CloudPrice(30.0, "published")


def answered(rows, count, text="{}"):
    return rows.examples([row | {"cloud_outputs": {"gpt": text}} for row in rows.pumps(count)])


def test_logged_answers_are_replayed_and_a_simulated_cloud_says_so_everywhere(rows, example_task):
    examples = answered(rows, 2)
    dataset = dataset_of((), examples, example_task, clouds=("gpt",))
    real = cloud_plan(example_task, dataset, "gpt", examples, PRICE)
    assert (real.arm.kind, real.arm.role, real.arm.simulated) == ("cloud", "reference", False)
    assert real.arm.cost_basis == "published"
    with real.model() as model:
        assert model.generate(real.ask(examples[0])).text == "{}"
        assert not model.info.simulated
    dataset = dataset_of((), examples, example_task, clouds=("gpt",), simulated=("gpt",))
    pretended = cloud_plan(example_task, dataset, "gpt", examples, PRICE)
    assert (pretended.arm.kind, pretended.arm.role, pretended.arm.simulated) == (
        "simulated",
        "reference",
        True,
    )
    assert pretended.arm.cost_basis == "assumed: published"
    with pretended.model() as model:
        assert model.info.simulated


def test_other_answers_are_another_evaluation(rows, example_task):
    first, second = (
        cloud_plan(example_task, dataset_of((), examples, example_task), "gpt", examples, PRICE)
        for examples in (answered(rows, 2), answered(rows, 2, "no"))
    )
    assert first.identity != second.identity


def test_a_cloud_is_judged_on_what_it_answered_and_says_so(rows, example_task, tmp_path):
    examples = (*answered(rows, 3), *rows.examples(rows.pumps(5))[3:])
    dataset = dataset_of((), examples, example_task, clouds=("gpt",))
    (plan,) = plans(inputs_of(example_task, dataset, tmp_path))
    assert plan.examples == examples[:3]
    assert plan.note == "answered 3 of 5 test documents; judged on those"


def test_without_cloud_answers_the_reason_is_given(rows, example_task, tmp_path):
    dataset = dataset_of((), rows.examples(rows.pumps(2)), example_task)
    assert FACTORY.why_not(inputs_of(example_task, dataset, tmp_path)).startswith(
        "not measured: no cloud answers in the rows"
    )
