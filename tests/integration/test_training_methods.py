"""Each method of training, by TRL and PEFT on a random model of two layers."""

import json

import pytest
from support.recipes import recipe, rows
from support.tiny_models import tiny_model
from support.token_rows import token_rows

from insource.models.catalogue import resolve

pytestmark = pytest.mark.model
ADAPTERS = ("lora", "rslora", "dora")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("base")
        patch.setenv("INSOURCE_CACHE", str(folder / "cache"))
        yield resolve(f"hf/{tiny_model(folder / 'tiny', 'llama', dtype='float32')}")


@pytest.fixture
def trained(base, tmp_path):
    """Trains with these settings; returns what was trained, and the curve."""
    from insource.training.loop.fine_tune import fine_tune

    def run(name="run", **section):
        given = {"epochs": 2, "learning_rate": 1e-3, "batch_size": 4, "precision": "float32"} | section
        planned = recipe(rows(24, longest=32), **given)
        points = []
        ended = fine_tune(
            base,
            planned,
            token_rows(24, 1),
            token_rows(6, 2),
            pad_id=0,
            folder=tmp_path / name,
            progress=points.append,
        )
        return ended, points

    return run


def losses(points):
    return [point.loss for point in points if point.loss is not None]


@pytest.mark.parametrize("method", ADAPTERS)
def test_adapters_are_made_as_their_method_says(trained, method):
    ended, points = trained(
        method=method, learning_rate=1e-2, rank=4, alpha=8, target_modules=("q_proj", "down_proj")
    )
    config = json.loads((ended.adapter / "adapter_config.json").read_text())
    assert ended.adapter.name == "adapter"
    assert config["use_rslora"] == (method == "rslora")
    assert config["use_dora"] == (method == "dora")
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    assert set(config["target_modules"]) == {"q_proj", "down_proj"}
    looks = [point.validation_loss for point in points if point.validation_loss is not None]
    assert looks[-1] < looks[0]


def test_full_fine_tuning_leaves_a_whole_model_with_its_tokenizer(trained, base):
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    from insource.training.base import load_model, load_tokenizer

    ended, points = trained(method="full")
    assert ended.adapter.name == "model"
    looks = [point.validation_loss for point in points if point.validation_loss is not None]
    assert looks[-1] < looks[0]
    found = AutoModelForCausalLM.from_pretrained(ended.adapter).state_dict()
    before = load_model(base, torch.float32).state_dict()
    assert found.keys() == before.keys()
    changed = [name for name in found if not torch.equal(found[name], before[name])]
    assert len(changed) > 0.9 * len(found)
    tokenizer, own = PreTrainedTokenizerFast.from_pretrained(ended.adapter), load_tokenizer(base)
    assert tokenizer.chat_template == own.chat_template
    assert tokenizer.eos_token_id == own.eos_token_id


def test_settings_reach_the_trainer(base, tmp_path):
    from insource.training.loop.fine_tune import training_arguments

    planned = recipe(
        scheduler="linear",
        warmup=0.2,
        weight_decay=0.1,
        max_grad_norm=0.3,
        gradient_checkpointing=True,
        seed=5,
        method="full",
    )
    cpu = training_arguments(planned, tmp_path, on_cuda=False)
    assert (cpu.lr_scheduler_type, cpu.warmup_steps, cpu.weight_decay) == ("linear", 0.2, 0.1)
    assert (cpu.max_grad_norm, cpu.gradient_checkpointing, cpu.seed, cpu.bf16) == (0.3, True, 5, False)


def test_sharded_weights_are_shared_out_by_fsdp2(tmp_path):
    """Only the arguments: accelerate shards on GPUs alone, so what they do is not measured here."""
    from insource.training.loop.fine_tune import training_arguments

    arguments = training_arguments(recipe(processes=2, sharded=True), tmp_path, on_cuda=False)
    assert arguments.fsdp_plugin_args["fsdp_version"] == 2
    assert arguments.fsdp_plugin_args["reshard_after_forward"]
    assert training_arguments(recipe(), tmp_path, on_cuda=False).fsdp_plugin_args is None


def test_checkpointing_and_micro_batches_change_no_loss(trained):
    """Only rounding: activations are computed twice, gradients are added in other parts."""
    _, whole = trained("whole")
    _, again = trained("again", gradient_checkpointing=True)
    _, parts = trained("parts", micro_batch_tokens=32)
    assert losses(again) == pytest.approx(losses(whole), abs=1e-5)
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-5)


def test_dropout_is_only_in_training(trained):
    _, without = trained("without")
    _, dropped = trained("dropped", dropout=0.5)
    assert losses(dropped)[3:] != pytest.approx(losses(without)[3:], abs=1e-6)


def test_without_patience_the_run_goes_to_its_last_step(trained):
    ended, _ = trained(learning_rate=0.5, patience=0, epochs=6)
    assert ended.steps == 36
    assert ended.stopped == "at the planned number of steps"
