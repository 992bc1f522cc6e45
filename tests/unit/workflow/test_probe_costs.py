"""What a probe is to cost, and which one the budget chooses: by the planner and by what was timed here."""

from types import SimpleNamespace

import pytest
from support.arms import dataset_of, made_of
from support.prompted import CopyingLocal
from support.walks import FakeDisplay, session_on

from insource.foundation.errors import IntegrityError, PrerequisiteError
from insource.models.catalogue import BaseModel
from insource.training.planning.training_plan import Stop
from insource.types import Estimate
from insource.types.step_ladder import LadderStep, StepLadder
from insource.workflow import larger_base, nested, probe_costs
from insource.workflow import probe as probing
from insource.workflow.probe import planned_probes, probe

QUALITY = Estimate(value=0.9, low=0.8, high=1.0, n=40, method="made")
LADDER = StepLadder(
    metric="accuracy",
    split="validation",
    documents=40,
    margin=0.02,
    steps=(LadderStep(name="lora", quality=QUALITY),),
)


@pytest.fixture
def dataset(rows, label_task):
    examples = rows.examples(rows.tickets(260))
    built = dataset_of(examples[:160], examples[200:], label_task)
    return built.model_copy(update={"splits": built.splits | {"validation": examples[160:200]}})


@pytest.fixture
def walk(project):
    return session_on(project(config="[task]\nname = 'tickets'\n"), FakeDisplay())


def planned(seconds_a_row, stops=()):
    """A planner by which each training row takes so long."""

    def plan(session, dataset, task):
        seconds = seconds_a_row * len(dataset.splits["train"])
        expected = Estimate(value=seconds, low=seconds / 2, high=2 * seconds, n=1, method="planned")
        return SimpleNamespace(seconds=expected, stops=stops)

    return plan


@pytest.fixture
def at_hand(monkeypatch):
    monkeypatch.setattr(probe_costs, "at_hand", lambda name: True)


@pytest.mark.usefixtures("at_hand")
def test_nested_trainings_take_what_the_planner_says_of_each(walk, dataset, label_task, monkeypatch):
    monkeypatch.setattr(probe_costs, "plan_training", planned(2.0))
    cost = probe_costs.fine_tune_cost(walk, dataset, label_task)
    assert cost.seconds.value == 2.0 * (10 + 20 + 40 + 80 + 160)
    assert (cost.seconds.low, cost.seconds.high) == (310, 1240)
    assert cost.seconds.note == "without the time of the answers: none was timed"
    assert cost.usd.value > 0


@pytest.mark.usefixtures("at_hand")
def test_what_stops_a_training_stops_the_curve(walk, dataset, label_task, monkeypatch):
    stop = Stop(code="c", message="The model does not fit.", details=(), hint="", overridable=True)
    monkeypatch.setattr(probe_costs, "plan_training", planned(1.0, (stop,)))
    assert probe_costs.fine_tune_cost(walk, dataset, label_task).why_not == "The model does not fit."

    def missing(*given):
        raise PrerequisiteError("missing-extra", "Training needs the extra `train`.", hint="pip install")

    monkeypatch.setattr(probe_costs, "plan_training", missing)
    assert probe_costs.fine_tune_cost(walk, dataset, label_task).why_not.startswith(
        "Training needs the extra"
    )


def test_nothing_is_fetched(walk, dataset, label_task, monkeypatch):
    monkeypatch.setattr(probe_costs, "at_hand", lambda name: False)
    monkeypatch.setattr(probe_costs, "plan_training", lambda *given: pytest.fail("asked for the weights"))
    cost = probe_costs.fine_tune_cost(walk, dataset, label_task)
    assert cost.why_not == "smollm2-135m-instruct is not at hand: insource models pull smollm2-135m-instruct"


@pytest.fixture
def tuned_as_classical(monkeypatch):
    """A fine-tuned model that is the classical arm in disguise: trained in milliseconds."""
    monkeypatch.setattr(probing, "fine_tuned", nested.classical)
    monkeypatch.setattr(probe_costs, "at_hand", lambda name: True)


@pytest.mark.usefixtures("tuned_as_classical")
def test_within_the_budget_the_curve_is_of_the_fine_tuned_model(walk, dataset, label_task, monkeypatch):
    monkeypatch.setattr(probe_costs, "plan_training", planned(0.1))
    found = probe(walk, dataset, label_task, budget_s=600)
    assert found.probes.curve.source == "fine-tune"
    assert "the budget allowed" in found.probes.curve.reason
    assert {point.trainings for point in found.probes.curve.points} == {1}
    assert found.classical.trained.source == "classical"
    again = probe(session_on(walk.project.folder), dataset, label_task, budget_s=0)
    assert {one.name: one.status for one in again.probes.probes}["fine-tune curve"] == "read back"


@pytest.mark.usefixtures("tuned_as_classical")
def test_beyond_the_budget_it_is_of_the_classical_arm_and_says_why(walk, dataset, label_task, monkeypatch):
    monkeypatch.setattr(probe_costs, "plan_training", planned(60.0))
    found = probe(walk, dataset, label_task, budget_s=600)
    assert found.probes.curve.source == "classical"
    assert "which was not trained on parts: it takes about 5.2 hours, and 10 minutes of the budget" in (
        found.probes.curve.reason
    )
    assert found.probes.cheapest.startswith("The next probe, smollm2-135m-instruct, fine-tuned on parts")


def test_the_plan_of_the_probes_runs_none(walk, dataset, label_task, monkeypatch):
    monkeypatch.setattr(probe_costs, "at_hand", lambda name: True)
    monkeypatch.setattr(probe_costs, "plan_training", planned(2.0))
    found = {one.name: one for one in planned_probes(walk, dataset, label_task)}
    assert {one.status for one in found.values()} == {"not run"}
    assert found["fine-tune curve"].seconds.value == 620
    assert found["classical curve"].usd.measured
    assert found["quantisations"].reason.startswith("there is no tuned model yet")
    assert list(walk.project.runs.complete()) == []


def test_a_probe_that_fails_says_so_and_the_others_run(walk, dataset, label_task, monkeypatch):
    def failing(*given):
        raise IntegrityError("parity-failed", "The gate did not pass.", hint="")

    monkeypatch.setattr(probe_costs, "at_hand", lambda name: True)
    monkeypatch.setattr(probe_costs, "plan_training", planned(0.001))
    monkeypatch.setattr(probing, "_fine_tuned", failing)
    found = probe(walk, dataset, label_task, budget_s=600)
    status = {one.name: (one.status, one.reason) for one in found.probes.probes}
    assert status["fine-tune curve"] == ("not run", "it failed: The gate did not pass.")
    assert status["classical curve"] == ("measured", "")
    assert "it failed: The gate did not pass." in found.probes.curve.reason


def test_text_has_no_classical_arm(walk, dataset, label_task):
    from insource.types import Text

    task = label_task.model_copy(update={"output": Text()})
    cost = probe_costs.classical_cost(walk, dataset, task, 600)
    assert cost.why_not == "no classical arm writes free text"


def test_a_ladder_that_was_measured_is_read_back(walk, dataset, label_task, tmp_path, monkeypatch):
    made = made_of(label_task, tmp_path, dataset.splits["test"])
    without = probe_costs.quantisation_cost(walk, dataset, label_task, made)
    assert without.seconds.note == "no answer of the tuned model was timed yet: insource run"
    assert probe_costs.quantisation_cost(walk, dataset, label_task, None).why_not.startswith(
        "there is no tuned"
    )
    for module in (probe_costs, probing):
        monkeypatch.setattr(module, "ladder_of", lambda runs, digest: LADDER)
    found = probe(walk, dataset, label_task, made, budget_s=0)
    assert found.probes.quantisations == LADDER
    assert {one.name: one.status for one in found.probes.probes}["quantisations"] == "read back"


def test_a_larger_model_is_one_of_the_catalogue_that_is_here(monkeypatch):
    none = larger_base.larger_than("smollm2-135m-instruct")
    assert none.why_not.endswith("insource models pull gemma-3-270m-it")
    monkeypatch.setattr(larger_base, "at_hand", lambda name: name == "qwen3-0.6b")
    found = larger_base.larger_than("smollm2-135m-instruct")
    assert found.name == "qwen3-0.6b"
    assert 4 < found.ratio < 6
    assert larger_base.larger_than("hf/./own").why_not.startswith("the size of hf/./own is not in the")
    wanted = larger_base.larger_than("smollm2-135m-instruct", "hf/org/name")
    assert wanted.why_not == "hf/org/name is not at hand: insource models pull hf/org/name"


def test_a_named_model_has_to_be_larger(tmp_path, monkeypatch):
    """By the bytes that are served: also where neither model is in the catalogue."""
    files = {"gguf/small": 100, "gguf/large": 300}
    for name, size in files.items():
        (tmp_path / name.rpartition("/")[2]).write_bytes(b"x" * size)

    def resolve(name):
        return BaseModel(name=name, licence="", gguf=tmp_path / name.rpartition("/")[2], digest=name)

    monkeypatch.setattr(larger_base, "at_hand", lambda name: name in files)
    monkeypatch.setattr(larger_base, "resolve", resolve)
    assert larger_base.larger_than("gguf/small", "gguf/large").ratio == 3
    assert larger_base.larger_than("gguf/small", others=("gguf/small", "gguf/large")).name == "gguf/large"
    none = larger_base.larger_than("gguf/large", "gguf/small")
    assert none.why_not == "gguf/small is not larger than gguf/large"


class Growing(CopyingLocal):
    """An engine whose larger base model knows the answers, and whose small one copies from its prompt."""

    known = {}

    def serve(self, name, adapter):
        if self.base.name != "large":
            return super().serve(name, adapter)
        other = type(self).known
        return _opened(other)


def _opened(answers):
    from contextlib import nullcontext

    from support.prompted import Copying

    class Knowing(Copying):
        def generate(self, request):
            text = next(
                (target for asked, target in answers.items() if asked in str(request.messages[-1])), ""
            )
            return super().generate(request).model_copy(update={"text": text})

    return nullcontext(Knowing())


def test_a_larger_base_is_compared_on_the_same_documents_in_the_same_way(
    walk, dataset, label_task, tmp_path, monkeypatch
):
    made = made_of(label_task, tmp_path, dataset.splits["test"])
    Growing.known = {one.input: one.target for one in dataset.splits["validation"]}
    made = made._replace(local=Growing(*made.local))
    large = BaseModel(name="large", licence="", gguf=tmp_path / "large.gguf", digest="l" * 64)
    monkeypatch.setattr("insource.arms.prompting.plans.resolve", lambda name: large)
    found = larger_base.prompt_larger(walk, dataset, label_task, made, "large")
    assert (found.model, found.than, found.prompted) == ("large", "small", "retrieved")
    assert found.comparison.n == 40
    assert found.comparison.candidate_value.value == 1
    assert "large" in found.comparison.sentence
    # Its time is known by that of the smaller one, which was timed just now.
    seconds = larger_base.seconds_of(walk, "small", larger_base.Larger("large", 3.0), 40)
    (timed,) = (
        run for run in walk.project.runs.complete("evaluate") if run.result["arm"]["model"] == "small"
    )
    assert seconds.value == pytest.approx(timed.result["latency_s"]["p50"]["value"] * 3.0 * 40)
    assert not larger_base.seconds_of(walk, "another", larger_base.Larger("large"), 40).measured
