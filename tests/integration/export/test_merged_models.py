"""A merged model of every architecture: the same weights by the converter, and what the engine answers."""

import json
from contextlib import contextmanager

import numpy as np
import pytest
from support.tiny_models import ARCHITECTURES, tiny_model

from insource.evaluation.scorers import build_scorer
from insource.export.adapter_gguf import read_base, why_merged, write_adapter
from insource.export.agreement import Measure
from insource.export.merged import layouts
from insource.export.merged import steps as steps_module
from insource.export.merged.gguf_file import merged_gguf, quantised_gguf
from insource.export.merged.merging import load_trained, merge
from insource.export.merged.steps import FILE_TYPES, Steps, gguf_name, parity_of
from insource.export.modelfile import ollama_template
from insource.foundation.errors import IntegrityError
from insource.models.catalogue import resolve
from insource.models.conversion.convert import convert, read_source
from insource.runs.folders import Run, RunStore
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel
from insource.training.base import load_tokenizer, unpacked
from insource.training.tokenize import chat_render
from insource.types import Task, Text

pytestmark = pytest.mark.model

NAMES = tuple(ARCHITECTURES)
TASK = Task(name="tiny", instruction="Say it.", output=Text(), primary_metric="exact_match")


def adapter_of(base, folder, **settings):
    """A LoRA adapter on every linear layer with random weights, which changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model

    from insource.training.base import load_model

    torch.manual_seed(3)
    shape = {"r": 4, "lora_alpha": 16, "target_modules": "all-linear"} | settings
    model = get_peft_model(load_model(base, torch.float32), LoraConfig(task_type="CAUSAL_LM", **shape))
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.1)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Makes tiny base models. They are read back in 32 bits: random weights have near-ties everywhere."""
    import torch

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(steps_module, "best_dtype", lambda: (torch.float32, "exact"))

    def made(name, **changes):
        return resolve(f"hf/{tiny_model(tmp_path / name, name, **changes)}")

    return made


def tensors_of(path):
    import gguf

    return {
        tensor.name: (
            tensor.tensor_type.name,
            gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32),
        )
        for tensor in gguf.GGUFReader(path).tensors
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_merged_file_has_the_weights_that_the_converter_writes(name, tiny, tmp_path):
    base = tiny(name)
    merged = tmp_path / "merged"
    merge(base, adapter_of(base, tmp_path / "adapter"), merged)
    merged_gguf(base.gguf, unpacked(base), merged, tmp_path / "ours.gguf")
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (merged / file).write_bytes((unpacked(base) / file).read_bytes())
    convert(read_source(merged), "theirs", tmp_path / "theirs.gguf")
    ours, theirs = tensors_of(tmp_path / "ours.gguf"), tensors_of(tmp_path / "theirs.gguf")
    assert ours.keys() == theirs.keys()
    for tensor, (_, values) in ours.items():
        assert values == pytest.approx(theirs[tensor][1].reshape(values.shape), abs=1e-3), tensor
    assert read_base(tmp_path / "ours.gguf") == read_base(base.gguf)
    _, bos = ARCHITECTURES[name][-3:-1]
    tokenizer = load_tokenizer(base)
    template = ollama_template(chat_render(tokenizer), bos if read_base(base.gguf).adds_bos else "")
    turns = [{"role": "system", "content": "Say it."}, {"role": "user", "content": "A pump."}]
    asked = chat_render(tokenizer)(turns)
    filled = template.replace("{{ .System }}", "Say it.").replace("{{ .Prompt }}", "A pump.")
    # An engine that sets BOS itself sets it once.
    assert (bos if read_base(base.gguf).adds_bos else "") + filled == asked


def test_a_layout_that_fits_nothing_is_refused(tiny, tmp_path, monkeypatch):
    """Rows in an order that no layout has, as a family with a rotary layout of its own would have them."""
    base = tiny("llama")
    monkeypatch.setattr(layouts, "permute", lambda matrix, heads: np.roll(matrix, 1, axis=0))
    with pytest.raises(IntegrityError) as caught:
        merged_gguf(base.gguf, unpacked(base), unpacked(base), tmp_path / "out.gguf")
    assert caught.value.code == "model-not-exportable"
    assert "q_proj" in caught.value.message or "k_proj" in caught.value.message


@contextmanager
def steps_of(base, trained, folder, rows):
    """The steps of an export, with the real engine."""
    run = Run(stage="train", run_id="train", path=trained, manifest={"key": "a" * 64})
    weights = trained / "adapter" if (trained / "adapter").is_dir() else trained / "model"
    whole = not (weights / "adapter_config.json").exists() or bool(why_merged(weights))
    served = folder / ("model.gguf" if whole else "adapter.gguf")
    if not whole:
        write_adapter(weights, base.gguf, served)
    else:
        merge(base, weights, folder / "whole")
        merged_gguf(base.gguf, unpacked(base), folder / "whole", served)

    @contextmanager
    def serve(file):
        adapters = (file,) if file.name == "adapter.gguf" else ()
        settings = EngineSettings(
            gguf=base.gguf if adapters else file, adapters=adapters, threads=1, context_tokens=512
        )
        with ServedModel("tiny", settings, adapter=0 if adapters else None) as model:
            yield model.model

    examples = tuple(rows.examples(rows.pumps(4)))
    yield Steps(
        runs=RunStore(folder / "workspace"),
        base=base,
        task=TASK,
        trained=run,
        served=served,
        serve=serve,
        measure=Measure(examples, build_scorer(TASK), TASK),
        max_tokens=8,
    )


def test_k_quants_are_what_they_say_and_the_engine_reads_them(tiny, tmp_path, rows):
    """A model whose rows are 256 long: every type, its error against the floats, and its parity."""
    base = tiny("llama", hidden_size=256, intermediate_size=512, num_hidden_layers=3, dtype="float32")
    adapter_of(base, tmp_path / "train" / "adapter")
    with steps_of(base, tmp_path / "train", tmp_path, rows) as steps:
        runs = {kind: steps.gguf(kind) for kind in FILE_TYPES}
    said = {kind: run.result["file_type"] for kind, run in runs.items()}
    assert said == {
        "f16": "MOSTLY_F16",
        "q8_0": "MOSTLY_Q8_0",
        "q6_k": "MOSTLY_Q6_K",
        "q5_k_m": "MOSTLY_Q5_K_M",
        "q4_k_m": "MOSTLY_Q4_K_M",
    }
    floats = tensors_of(runs["f16"].path / gguf_name("f16"))
    errors = {}
    for kind, run in runs.items():
        found = tensors_of(run.path / gguf_name(kind))
        off = [np.linalg.norm(v - floats[n][1]) / np.linalg.norm(floats[n][1]) for n, (_, v) in found.items()]
        errors[kind] = float(np.mean(off))
        assert not run.result["note"]
    # Fewer bits, larger errors, each below what its number of bits leaves: half a step of the widest block.
    assert errors["f16"] == 0
    assert 0 < errors["q8_0"] < errors["q6_k"] < errors["q5_k_m"] < errors["q4_k_m"] < 0.1
    sizes = [(run.path / gguf_name(kind)).stat().st_size for kind, run in runs.items()]
    assert sizes == sorted(sizes, reverse=True)
    assert parity_of(runs["f16"]).exact.value == 1.0
    assert {parity_of(run).prompts for run in runs.values()} == {4}
    assert tensors_of(runs["q4_k_m"].path / gguf_name("q4_k_m"))["blk.2.attn_v.weight"][0] == "Q6_K"


def test_where_rows_are_no_multiple_of_256_the_file_says_what_it_is(tiny, tmp_path):
    base = tiny("llama")
    merged_gguf(base.gguf, unpacked(base), unpacked(base), tmp_path / "f16.gguf")
    for kind, file_type in (("q4_k_m", "MOSTLY_Q5_0"), ("q5_k_m", "MOSTLY_Q5_1"), ("q6_k", "MOSTLY_Q8_0")):
        assert quantised_gguf(tmp_path / "f16.gguf", tmp_path / "out.gguf", kind).file_type == file_type


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"use_dora": True}])
def test_variants_of_lora_answer_as_trained(settings, tiny, tmp_path, rows):
    """rsLoRA by the scale that is written, DoRA merged, because llama.cpp would leave its magnitudes out."""
    # Blunt attention: the merged file rounds to 16 bits, and sharp random attention flips near-ties by that.
    base = tiny("llama", dtype="float32", initializer_range=0.3, sharper=1.0)
    adapter = adapter_of(base, tmp_path / "train" / "adapter", **settings)
    assert bool(why_merged(adapter)) == ("use_dora" in settings)
    with steps_of(base, tmp_path / "train", tmp_path, rows) as steps:
        found = parity_of(steps.reference())
        assert (steps.served.name == "model.gguf") == ("use_dora" in settings)
    assert found.passed
    assert found.exact.value == 1.0


def test_the_wrong_scale_fails_the_gate(tiny, tmp_path, rows, monkeypatch):
    from insource.export import adapter_gguf

    base = tiny("llama", dtype="float32", initializer_range=0.3)
    adapter_of(base, tmp_path / "train" / "adapter", use_rslora=True)
    monkeypatch.setattr(adapter_gguf, "_alpha", lambda config: float(config["lora_alpha"]))
    with (
        steps_of(base, tmp_path / "train", tmp_path, rows) as steps,
        pytest.raises(IntegrityError) as caught,
    ):
        steps.reference()
    assert caught.value.code == "parity-failed"
    assert not list((tmp_path / "workspace" / "runs").glob("*/manifest.json")), "nothing is kept"


def test_full_fine_tuning_is_exported_whole(tiny, tmp_path, rows):
    import torch

    base = tiny("qwen3", dtype="float32", initializer_range=0.3)
    model = load_trained(base, unpacked(base), torch.float32)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights) * 0.05)
    model.save_pretrained(tmp_path / "train" / "model")
    with steps_of(base, tmp_path / "train", tmp_path, rows) as steps:
        found = [parity_of(steps.reference()), parity_of(steps.merged()), parity_of(steps.gguf("f16"))]
    assert [one.exact.value for one in found] == [1.0, 1.0, 1.0]


def test_an_adapter_of_another_model_is_named(tiny, tmp_path):
    base = tiny("llama")
    other = tiny("qwen2", hidden_size=32)
    adapter = adapter_of(other, tmp_path / "adapter")
    with pytest.raises(IntegrityError) as caught:
        merge(base, adapter, tmp_path / "merged")
    assert caught.value.code == "wrong-base"
    assert not (tmp_path / "merged").exists()


def test_weights_that_are_no_number_are_not_published(tiny, tmp_path):
    from safetensors.numpy import load_file, save_file

    base = tiny("llama")
    adapter = adapter_of(base, tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    weights = load_file(file)
    key = next(key for key in weights if "lora_B" in key)
    weights[key] = np.full_like(weights[key], np.nan)
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(IntegrityError) as caught:
        merge(base, adapter, tmp_path / "merged")
    assert caught.value.code == "weights-not-finite"
    assert json.loads((adapter / "adapter_config.json").read_text())["r"] == 4
