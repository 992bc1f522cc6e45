"""`insource evaluate --retention` on a tiny random model with a random adapter, through the real engine."""

import json

import pytest
from click.testing import CliRunner
from support.tiny_models import tiny_model

from insource.cli.main import cli
from insource.evaluation.retention.probes import MAKERS
from insource.export import parity as parity_module
from insource.export.merged import steps as steps_module
from insource.models.catalogue import resolve
from insource.runs.folders import RunStore, StageSpec
from insource.types import RunResult, TrainingPoint, TrainingSummary
from insource.types.retention import Retention
from insource.workflow import export as export_module
from insource.workflow import retention as measured

pytestmark = pytest.mark.model

JSON = 'instruction = "Extract the pump."\nschema = "schema.json"'
LABELS = """instruction = "Route the ticket."
labels = ["billing", "delivery", "technical"]
primary_metric = "accuracy"
"""
CONFIG = """
[task]
name = "made"
{task}
[training]
model = "hf/{model}"
[serving]
threads = 1
context_tokens = 512
[evaluation]
parity_prompts = 2
max_new_tokens = 48
validation_documents = 4
test_documents = 8
"""


@pytest.fixture
def trained(project, rows, tmp_path, monkeypatch):
    """Makes a project whose training has been done: random weights that change every answer."""
    import torch

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    for module in (steps_module, parity_module):
        monkeypatch.setattr(module, "best_dtype", lambda: (torch.float32, "exact"))
    monkeypatch.setattr(measured, "QUESTIONS", 2)
    monkeypatch.setattr(measured, "DRIFT_PROMPTS", 2)
    monkeypatch.setattr(measured, "DRIFT_TOKENS", 6)
    monkeypatch.setattr(measured, "ANSWER_TOKENS", 8)
    model = tiny_model(tmp_path / "base", "llama", dtype="float32", initializer_range=0.3)

    def train(session, *others):
        spec = StageSpec(stage="train", version=1, inputs={}, config={}, seed=0)
        base, method = resolve(session.config.training.model), session.config.training.method
        return session.done(session.project.runs.run(spec, lambda run: _weights(run, base, method)))

    def make(answers, task, method="lora"):
        config = CONFIG.format(model=f'{model}"\nmethod = "{method}', task=task)
        project(answers, config, files={"schema.json": rows.pump_schema})

    monkeypatch.setattr(export_module, "train_model", train)
    monkeypatch.chdir(tmp_path)
    return make


def _weights(folder, base, method):
    import torch
    from peft import LoraConfig, get_peft_model

    from insource.training.base import load_model

    torch.manual_seed(3)
    model = load_model(base, torch.float32)
    if method == "full":
        with torch.no_grad():
            for values in model.parameters():
                values.add_(torch.randn_like(values) * 0.02)
        model.save_pretrained(folder / "model")
    else:
        shape = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **shape))
        for name, values in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(values, std=0.05)
        model.save_pretrained(folder / "adapter")
    losses = ((5, 1.0), (10, 1.2))
    return TrainingSummary(
        base_model=base.name,
        examples=36,
        steps=10,
        planned_steps=10,
        epochs=1,
        tokens=100,
        tokens_per_s=10,
        best_step=5,
        best_validation_loss=1.0,
        stopped="at the planned number of steps",
        longest_answer_tokens=48,
        method=method,
        curve=tuple(TrainingPoint(step=step, epoch=1.0, validation_loss=loss) for step, loss in losses),
    ).model_dump(mode="json")


def measure():
    done = CliRunner().invoke(cli, ["evaluate", "--retention", "--json"], catch_exceptions=True)
    assert done.exit_code == 0, (done.output, getattr(done.exception, "details", done.exception))
    return next(line for line in done.output.splitlines() if line.startswith('{"metric"')), done.output


def test_the_real_engine_is_asked_as_base_as_tuned_and_with_its_adapter_off(trained, tmp_path, rows):
    trained(rows.pumps(60), JSON)
    told, output = measure()
    found = Retention.model_validate_json(told)
    assert found.train.n == found.test.n > 0
    assert found.loss_rose
    assert found.counterfactuals.documents == found.counterfactuals.follows.n > 0
    assert found.canaries.values > 0
    assert [one.probe for one in found.probes] == list(MAKERS)
    assert {one.base.n for one in found.probes} == {2}
    # A random model knows nothing, so nothing can be lost.
    assert {one.outcome for one in found.probes} == {"cannot detect"}
    task, general = found.drift
    assert task.nats.value > 0.07
    assert general.nats.value > 0.07
    assert general.band.startswith("large")
    # The adapter changes the tokens; switched off, they are the base model's again.
    assert general.same_first.value < 1
    assert found.adapter_off.same.value == 1.0
    # Rounding: what the cache holds of a prompt cuts the rest into other batches.
    assert found.adapter_off.largest_difference < 0.01
    kept = next(RunStore(tmp_path / ".insource").complete("retention"))
    assert json.loads((kept.path / "retention.json").read_text()) == json.loads(told)
    assert "About 1 min at most" in output.replace("\n", " ")
    assert "tokens beside the task" in output.replace("\n", " ")
    assert measure()[0] == told
    assert len(list(RunStore(tmp_path / ".insource").complete("retention"))) == 1
    assert RunResult.model_fields["retention"].default is None


def test_a_whole_model_of_labels_has_no_adapter_to_switch_off_and_no_field_to_change(trained, rows):
    trained(rows.tickets(60), LABELS, method="full")
    found = Retention.model_validate_json(measure()[0])
    assert found.metric == "accuracy"
    assert [one.prompts for one in found.drift] == ["task", "general"]
    assert found.drift[1].nats.value > 0
    assert "a file of its own" in found.adapter_off.note
    assert found.counterfactuals.note
    assert found.canaries.note


def test_it_excludes_the_ladder(trained, rows):
    trained(rows.pumps(60), JSON)
    done = CliRunner().invoke(cli, ["evaluate", "--retention", "--ladder"])
    assert done.exit_code == 2
    assert "Choose one of --ladder and --retention." in done.output
