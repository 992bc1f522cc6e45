"""The whole loop without a model: training and export are stood in for, the rest is real."""

import json
from contextlib import contextmanager

import pytest
from support.arms import made_of
from support.walks import FakeDisplay, session_on

from insource import pipeline
from insource.arms.factory import ArmFactory, ArmNeeds
from insource.arms.prompts import described
from insource.arms.registry import ARMS
from insource.evaluation.plan import ArmPlan
from insource.models.protocol import Request
from insource.models.replay import ReplayModel
from insource.runs.result import load
from insource.types import Arm

CONFIG = """
[task]
name = "tickets"
instruction = "Which desk?"
[reference]
cost_per_1000_usd = 30.0
[evaluation]
base_documents = 4
"""


# Without the classical rungs, which may well be chosen: here the tuned model is to be.
PLAIN = tuple(arm for arm in ARMS if arm.kind in ("cloud", "floor", "prompted", "tuned"))


@pytest.fixture
def walk(project, rows, monkeypatch, tmp_path):
    """A project of sixty tickets whose cloud is right two times in three, and a session on it."""
    lines = rows.tickets(60)
    for n, line in enumerate(lines):
        line["cloud_outputs"] = {"gpt": line["output"] if n % 3 else "somewhere"}
    folder = project(lines, CONFIG)
    engine = tmp_path / "engine"
    engine.mkdir()

    def stand_in(session, dataset, task):
        examples = [one for split in dataset.splits.values() for one in split]
        return made_of(task, engine, examples)

    monkeypatch.setattr(pipeline, "make_model", stand_in)
    return session_on(folder, FakeDisplay())


def trivial(inputs):
    """An arm of its own, as a newcomer would write it: it says the same to everything."""
    arm = Arm(name="parrot", model="none", kind="parrot", role="baseline", description="says delivery")
    answers = {described(inputs.task, one): "delivery" for one in inputs.test}

    @contextmanager
    def model():
        yield ReplayModel("none", answers)

    def ask(example):
        return Request(messages=described(inputs.task, example), max_tokens=1)

    return (ArmPlan(arm=arm, examples=inputs.test, identity={"says": "delivery"}, model=model, ask=ask),)


PARROT = ArmFactory("parrot", "baseline", trivial)
ABSENT = ArmFactory("absent", "baseline", trivial, ArmNeeds(rows=10**6))


def test_a_run_ends_with_a_kept_result_and_a_report(walk):
    result = pipeline.run(walk, arms=PLAIN)
    assert result.verdict.sentence
    kept, folder = load(walk.project.runs)
    assert kept == result
    assert (folder / "report.html").is_file()
    assert result.stages[0].stage == "dataset"
    assert result.test_looks == 1


def test_the_floor_is_in_result_comparison_and_report(walk):
    result = pipeline.run(walk, arms=PLAIN)
    floor = next(one for one in result.evaluations if one.arm.name == "floor")
    assert 0 < floor.metrics["accuracy"].value < 0.6
    against = next(one for one in result.comparisons if one.baseline == "floor")
    assert (against.candidate, against.outcome) == ("tuned", "better")
    _, folder = load(walk.project.runs)
    assert ">floor<" in (folder / "report.html").read_text()


def test_one_factory_is_all_that_a_new_arm_takes(walk):
    result = pipeline.run(walk, arms=(*PLAIN, PARROT, ABSENT))
    assert "parrot" in [one.arm.name for one in result.evaluations]
    assert ("tuned", "parrot") in [(one.candidate, one.baseline) for one in result.comparisons]
    missing = "not measured: it needs 1,000,000 training rows, and there are 36"
    assert result.skipped_arms["absent"] == missing
    _, folder = load(walk.project.runs)
    assert ">parrot<" in (folder / "report.html").read_text()


def another_candidate(inputs):
    """A second candidate that says the same to everything, placed before or after the tuned one."""
    (plan,) = trivial(inputs)
    arm = plan.arm.model_copy(update={"name": "other", "kind": "other", "role": "candidate"})
    return (plan._replace(arm=arm, examples=inputs.test),)


def test_the_candidate_is_chosen_on_validation_whatever_stands_first(walk):
    alone = pipeline.run(walk, arms=PLAIN)
    other = ArmFactory("other", "candidate", another_candidate)
    for arms in ((*PLAIN, other), (other, *PLAIN)):
        both = pipeline.run(session_on(walk.project.folder, FakeDisplay()), arms=arms)
        assert both.choice.candidate == "tuned"
        assert {"other", "tuned", "gpt"} <= {trial.arm for trial in both.choice.trials}
        assert ("tuned", "other") in [(one.candidate, one.baseline) for one in both.comparisons]
        assert (both.comparisons[0].candidate, both.comparisons[0].baseline) == ("tuned", "gpt")
        assert both.verdict == alone.verdict
        assert both.routing.policy == alone.routing.policy


def test_without_a_candidate_the_result_says_so(walk):
    result = pipeline.run(walk, arms=[arm for arm in PLAIN if arm.role != "candidate"])
    assert result.verdict.sentence.startswith("No candidate was evaluated.")
    assert result.routing is None
    assert (load(walk.project.runs)[1] / "report.html").is_file()


def test_a_second_run_reads_everything_back_and_looks_no_more(walk):
    first = pipeline.run(walk, arms=PLAIN)
    display = FakeDisplay()
    second = pipeline.run(session_on(walk.project.folder, display), arms=PLAIN)
    assert second.test_looks == first.test_looks == 1
    evaluations = [stage for stage in second.stages if stage.stage.startswith("evaluate")]
    assert evaluations
    assert all(stage.skipped for stage in evaluations)


def test_the_verdict_follows_from_the_arms_roles(walk):
    result = pipeline.run(walk, arms=PLAIN)
    assert "gpt" in result.verdict.reasons[0]
    assert result.comparisons[0].baseline == "gpt"
    assert result.break_even.cloud_per_1000_usd == 30.0
    assert json.loads(result.model_dump_json())["evaluations"][0]["arm"]["role"] == "reference"


def test_two_documents_go_through_the_gateway_when_it_is_driven(walk):
    seen = []

    def drive(session, found, documents):
        seen.extend(documents)
        return ()

    pipeline.run(walk, drive=drive, arms=PLAIN)
    assert len(seen) == 2


def test_an_early_rung_is_shown_first_and_may_be_chosen(walk):
    result = pipeline.run(walk)
    early = [name for name, figure, _ in walk.display.expectations if figure is not None]
    assert {"labels-ngrams"} <= set(early)
    assert walk.display.stages.index("fit") < walk.display.stages.index("evaluate")
    tried = {trial.arm: trial for trial in result.choice.trials}
    assert {*early, "tuned", "gpt"} <= set(tried)
    assert tried["labels-ngrams"].effort.validation_evaluations > 0
    assert result.comparisons[0].standing.kind == "confirmatory"


def test_what_is_missing_is_said_before_anything_is_done(walk, monkeypatch):
    from insource.foundation.errors import PrerequisiteError

    monkeypatch.setattr(pipeline, "find_spec", lambda module: None)
    with pytest.raises(PrerequisiteError) as caught:
        pipeline.run(walk, arms=PLAIN)
    assert caught.value.code == "missing-extra"
    assert walk.display.stages == []
