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


def candidate(name, *, right, price, expected=None, fails=False, asked=None, chosen_on=0):
    """An arm that answers the first ``right`` % of the documents as labelled, and the rest wrongly.

    It is asked about the documents ``asked``, a slice; None: all. Its settings were chosen on the first
    ``chosen_on``.
    """

    def plans(inputs):
        examples = inputs.test if asked is None else inputs.test[asked]
        targets = {fitting.ask_directly(inputs, one).messages: one.target for one in inputs.test}
        keep = len(targets) * right // 100
        answers = {key: target if n < keep else "?" for n, (key, target) in enumerate(targets.items())}
        arm = Arm(
            name=name, model=name, kind="table", role="candidate", description=name, cost_per_1000_usd=price
        )
        plan = ArmPlan(
            arm=arm,
            examples=examples,
            identity={"answers": f"{name} {right}"},
            model=lambda: Opened(Silent() if fails else ReplayModel(name, answers)),
            ask=lambda one: fitting.ask_directly(inputs, one),
            expected=expected,
            chosen_on=frozenset(one.row_id for one in inputs.test[:chosen_on]),
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


def test_arms_are_compared_on_the_documents_that_both_were_asked_about(walk, dataset, label_task, tmp_path):
    """The first half is easy: an arm that was asked about it alone looks better than one asked about all."""
    made = made_of(label_task, tmp_path, ())
    easy = candidate("easy", right=49, price=1.0, asked=slice(0, 50))  # 98 % of the fifty
    full = candidate("full", right=70, price=5.0)  # all of the fifty
    choice = choose(walk, dataset, label_task, made, (easy, full, *PLAIN))
    assert choice.candidate == "easy"  # within the margin and cheaper
    assert {one.arm: one.value.value for one in choice.trials}["easy"] == 0.98
    assert {one.arm: one.on_equal_terms for one in choice.trials}["easy"] == pytest.approx(0.68)
    worse = candidate("worse", right=45, price=1.0, asked=slice(0, 50))  # 90 %, and 10 points behind
    assert choose(walk, dataset, label_task, made, (worse, full, *PLAIN)).candidate == "full"


@pytest.mark.parametrize(("chosen_on", "candidate_is"), [(0, "fitted"), (20, "plain")])
def test_documents_on_which_an_arm_was_chosen_do_not_speak_for_it(
    walk, dataset, label_task, tmp_path, chosen_on, candidate_is
):
    """On the first twenty it is five points ahead; on the others both are always wrong."""
    made = made_of(label_task, tmp_path, ())
    fitted = candidate("fitted", right=20, price=9.0, chosen_on=chosen_on)
    choice = choose(
        walk, dataset, label_task, made, (fitted, candidate("plain", right=15, price=1.0), *PLAIN)
    )
    assert choice.candidate == candidate_is
    assert {one.arm: one.value.value for one in choice.trials}["fitted"] == 0.2  # shown as it is


def test_an_arm_that_answered_a_handful_is_shown_and_not_chosen(walk, dataset, label_task, tmp_path):
    made = made_of(label_task, tmp_path, ())
    arms = (
        candidate("lucky", right=100, price=0.1, asked=slice(0, 10)),
        candidate("full", right=70, price=5),
    )
    choice = choose(walk, dataset, label_task, made, (*arms, *PLAIN))
    assert choice.candidate == "full"
    (lucky,) = (one for one in choice.trials if one.arm == "lucky")
    assert "10 documents only" in lucky.note
    assert choose(walk, dataset, label_task, made, arms[:1]).candidate == "lucky"  # there is no other


def test_a_real_cloud_is_the_baseline_however_good_a_simulated_one_is(
    walk, dataset, label_task, tmp_path, rows
):
    made = made_of(label_task, tmp_path, ())

    def answered(one):
        wrong = next(name for name in label_task.output.names if name != one.target)
        return one.model_copy(update={"cloud_outputs": {"fake": one.target, "gpt": wrong}})

    said = {name: tuple(map(answered, split)) for name, split in dataset.splits.items()}
    clouds = {"cloud_models": ("fake", "gpt"), "simulated_models": ("fake",)}
    both = dataset.model_copy(update={"splits": said, "manifest": dataset.manifest.model_copy(update=clouds)})
    choice = choose(walk, both, label_task, made, (candidate("a", right=80, price=1.0), *PLAIN))
    assert choice.baseline == "gpt"


def test_a_cost_that_differs_by_less_than_it_is_measured_decides_nothing(walk, dataset, label_task, tmp_path):
    made = made_of(label_task, tmp_path, ())
    arms = (candidate("a", right=100, price=5.0), candidate("b", right=99, price=4.99))
    assert choose(walk, dataset, label_task, made, (*arms, *PLAIN)).candidate == "a"


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
