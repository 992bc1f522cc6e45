"""The candidate is chosen on validation documents: the cheapest within the margin of the best."""

import pytest
from support.arms import dataset_of, made_of
from support.walks import FakeDisplay, session_on

from insource.arms import fitting
from insource.arms.factory import ArmFactory
from insource.arms.registry import ARMS
from insource.evaluation.plan import ArmPlan
from insource.foundation.errors import ProviderError
from insource.models.replay import ReplayModel
from insource.types import Arm, Estimate
from insource.workflow.choose import choose, fit_early
from insource.workflow.looks import looks_at_test

PLAIN = tuple(arm for arm in ARMS if arm.kind in ("cloud", "floor"))


@pytest.fixture
def walk(project):
    return session_on(project(), FakeDisplay())


@pytest.fixture
def dataset(rows, label_task):
    lines = [line | {"cloud_outputs": {"gpt": line["output"]}} for line in rows.tickets(120)]
    examples = rows.examples(lines)
    built = dataset_of(examples[:9], examples[9:20], label_task, clouds=("gpt",))
    return built.model_copy(update={"splits": built.splits | {"validation": examples[20:]}})


class Opened:
    """A model that is open for as long as it is asked."""

    def __init__(self, model):
        self.model = model

    def __enter__(self):
        return self.model

    def __exit__(self, *caught):
        return None


class Silent:
    info = ReplayModel("silent", {}).info

    def generate(self, request):
        raise ProviderError("engine-failed-to-answer", "nothing came")


def candidate(name, *, right, price, expected=None, fails=False):
    """An arm that answers the first ``right`` % of the documents as labelled, and the rest wrongly."""

    def plans(inputs):
        targets = {fitting.ask_directly(inputs, one).messages: one.target for one in inputs.test}
        keep = len(targets) * right // 100
        answers = {key: target if n < keep else "?" for n, (key, target) in enumerate(targets.items())}
        arm = Arm(
            name=name, model=name, kind="table", role="candidate", description=name, cost_per_1000_usd=price
        )
        plan = ArmPlan(
            arm=arm,
            examples=inputs.test,
            identity={"answers": f"{name} {right}"},
            model=lambda: Opened(Silent() if fails else ReplayModel(name, answers)),
            ask=lambda one: fitting.ask_directly(inputs, one),
            expected=expected,
        )
        return (plan,)

    return ArmFactory("table", "candidate", plans, early=True)


CASES = {
    "the best, when the others are worse by more than the margin": (
        [("a", 100, 5.0), ("b", 90, 1.0)],
        "a",
        "the best of 2",
    ),
    "the cheapest within the margin": ([("a", 100, 5.0), ("b", 99, 1.0)], "b", "the cheapest within"),
    "an unknown price is the dearest": ([("a", 100, None), ("b", 99, 9.0)], "b", "the cheapest within"),
    "the better of two that cost the same": ([("a", 99, 1.0), ("b", 100, 1.0)], "b", "the best of 2"),
    "the only one": ([("a", 10, 1.0)], "a", "the only one"),
}


@pytest.mark.parametrize(("arms", "chosen", "why"), CASES.values(), ids=CASES)
def test_the_choice(walk, dataset, label_task, tmp_path, arms, chosen, why):
    made = made_of(label_task, tmp_path, ())
    factories = [candidate(name, right=right, price=price) for name, right, price in arms]
    choice = choose(walk, dataset, label_task, made, (*factories, *PLAIN))
    assert (choice.candidate, choice.baseline) == (chosen, "gpt")
    assert why in choice.reason
    assert walk.display.notes[-1] == choice.reason
    assert looks_at_test(walk, dataset.splits["test"]).most == 0


def test_without_a_cloud_the_baseline_is_the_best_that_is_no_candidate(walk, dataset, label_task, tmp_path):
    made = made_of(label_task, tmp_path, ())
    alone = dataset.model_copy(update={"manifest": dataset.manifest.model_copy(update={"cloud_models": ()})})
    arms = (candidate("a", right=80, price=1.0), *PLAIN)
    assert choose(walk, alone, label_task, made, arms).baseline == "floor"
    assert choose(walk, alone, label_task, made, arms[:1]).baseline == ""


def test_without_validation_documents_the_expected_figures_decide(walk, dataset, label_task, tmp_path):
    empty = dataset.model_copy(update={"splits": dataset.splits | {"validation": ()}})
    arms = [
        candidate("a", right=0, price=1.0, expected=Estimate(value=0.7, n=9)),
        candidate("b", right=0, price=1.0, expected=Estimate(value=0.9, n=9)),
    ]
    made = made_of(label_task, tmp_path, ())
    assert choose(walk, empty, label_task, made, arms).candidate == "b"
    assert choose(walk, empty, label_task, made, ()) is None


def test_early_rungs_are_shown_before_a_model_is_made(walk, dataset, label_task):
    figure = Estimate(value=0.9, n=9)
    fit_early(walk, dataset, label_task, (*PLAIN, candidate("a", right=50, price=1.0, expected=figure)))
    assert walk.display.expectations == [("a", figure, "accuracy")]
    assert looks_at_test(walk, dataset.splits["test"]).most == 0


def test_a_candidate_that_keeps_failing_is_left_out_unless_it_is_the_last_one(
    walk, dataset, label_task, tmp_path
):
    made = made_of(label_task, tmp_path, ())
    arms = [candidate("a", right=100, price=1.0, fails=True), candidate("b", right=50, price=1.0)]
    assert choose(walk, dataset, label_task, made, arms).candidate == "b"
    assert "not measured" in walk.skipped_arms["a"]
    with pytest.raises(ProviderError):
        choose(walk, dataset, label_task, made, arms[:1])
