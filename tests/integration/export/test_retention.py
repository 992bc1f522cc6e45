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

CONFIG = """
[task]
name = "pumps"
instruction = "Extract the pump."
schema = "schema.json"
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
    """A project whose training has been done: a random adapter that changes every answer."""
    import torch

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    for module in (steps_module, parity_module):
        monkeypatch.setattr(module, "best_dtype", lambda: (torch.float32, "exact"))
    monkeypatch.setattr(measured, "QUESTIONS", 2)
    monkeypatch.setattr(measured, "DRIFT_PROMPTS", 2)
    monkeypatch.setattr(measured, "DRIFT_TOKENS", 6)
    monkeypatch.setattr(measured, "ANSWER_TOKENS", 8)
    model = tiny_model(tmp_path / "base", "llama", dtype="float32", initializer_range=0.3)
    folder = project(rows.pumps(60), CONFIG.format(model=model), files={"schema.json": rows.pump_schema})

    def train(session, *others):
        spec = StageSpec(stage="train", version=1, inputs={}, config={}, seed=0)
        return session.done(
            session.project.runs.run(spec, lambda run: _adapter(run, resolve(session.config.training.model)))
        )

    monkeypatch.setattr(export_module, "train_model", train)
    monkeypatch.chdir(folder)


def _adapter(folder, base):
    import torch
    from peft import LoraConfig, get_peft_model

    from insource.training.base import load_model

    torch.manual_seed(3)
    shape = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}
    model = get_peft_model(load_model(base, torch.float32), LoraConfig(task_type="CAUSAL_LM", **shape))
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
        curve=tuple(TrainingPoint(step=step, epoch=1.0, validation_loss=loss) for step, loss in losses),
    ).model_dump(mode="json")


def test_the_real_engine_is_asked_as_base_as_tuned_and_with_its_adapter_off(trained, tmp_path):
    done = CliRunner().invoke(cli, ["evaluate", "--retention", "--json"], catch_exceptions=True)
    assert done.exit_code == 0, (done.output, getattr(done.exception, "details", done.exception))
    told = next(line for line in done.output.splitlines() if line.startswith('{"metric"'))
    found = Retention.model_validate_json(told)
    assert found.train.n == found.test.n > 0
    assert found.loss_rose
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
    assert "About 1 min at most" in done.output.replace("\n", " ")
    assert "tokens beside the task" in done.output.replace("\n", " ")
    again = CliRunner().invoke(cli, ["evaluate", "--retention", "--json"], catch_exceptions=True)
    assert next(line for line in again.output.splitlines() if line.startswith('{"metric"')) == told
    assert len(list(RunStore(tmp_path / ".insource").complete("retention"))) == 1
    assert RunResult.model_fields["retention"].default is None


def test_it_excludes_the_ladder(trained):
    done = CliRunner().invoke(cli, ["evaluate", "--retention", "--ladder"])
    assert done.exit_code == 2
    assert "Choose one of --ladder and --retention." in done.output
