"""`insource export --format` and `evaluate --ladder` on a tiny random model, with the real engine."""

import errno
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.example_results import example_result
from support.tiny_models import tiny_model

from insource.cli.main import cli
from insource.cli.options import open_session
from insource.export import parity as parity_module
from insource.export.merged import gguf_file
from insource.export.merged import steps as steps_module
from insource.foundation.errors import InsourceError
from insource.models.catalogue import resolve
from insource.runs.folders import RunStore
from insource.types import Labels, RunResult, Served, TrainingSummary
from insource.workflow import export as export_module
from insource.workflow.serve import answering

pytestmark = pytest.mark.model

CONFIG = """
[task]
name = "tickets"
instruction = "Route the ticket."
labels = ["billing", "delivery", "technical"]
primary_metric = "accuracy"
[training]
model = "hf/{model}"
[serving]
threads = 1
context_tokens = 512
[evaluation]
parity_prompts = 2
max_new_tokens = 6
validation_documents = 6
"""


@pytest.fixture
def made(project, rows, tmp_path, monkeypatch):
    """A project whose training has been done: a random adapter on a tiny random model."""
    import torch

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    for module in (steps_module, parity_module):
        monkeypatch.setattr(module, "best_dtype", lambda: (torch.float32, "exact"))
    model = tiny_model(tmp_path / "base", "llama", dtype="float32", initializer_range=0.3)
    folder = project(rows.tickets(60), CONFIG.format(model=model))
    configured = {"method": "lora"}

    def trained(session, *others):
        section = session.config.training
        method = section.method if section.method != "lora" else configured["method"]
        seed = section.seed or 0
        run = session.project.runs.run(
            steps_module.StageSpec(stage="train", version=1, inputs={"method": method}, config={}, seed=seed),
            lambda run: _trained(run, resolve(section.model), method, seed),
        )
        return session.done(run)

    monkeypatch.setattr(export_module, "train_model", trained)
    monkeypatch.chdir(folder)
    return configured


def _trained(folder, base, method, seed):
    import torch
    from peft import LoraConfig, get_peft_model

    from insource.training.base import load_model

    torch.manual_seed(3 + seed)
    model = load_model(base, torch.float32)
    if method == "full":
        with torch.no_grad():
            for values in model.parameters():
                values.add_(torch.randn_like(values) * 0.02)
        model.save_pretrained(folder / "model")
    else:
        shape = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "use_dora": method == "dora"}
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **shape))
        for name, values in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(values, std=0.05)
        model.save_pretrained(folder / "adapter")
    return TrainingSummary(
        base_model=base.name,
        examples=36,
        steps=10,
        planned_steps=10,
        epochs=1,
        tokens=100,
        tokens_per_s=10,
        best_step=10,
        best_validation_loss=1.0,
        stopped="at the planned number of steps",
        longest_answer_tokens=4,
        method=method,
    ).model_dump(mode="json")


def run(*arguments):
    return CliRunner().invoke(cli, [*arguments, "--quiet"], catch_exceptions=True)


def test_a_folder_has_every_format_with_its_parity(made, tmp_path):
    killed = tmp_path / f".out.{2**22 + 1}.partial"  # what a call that was killed left: no such process
    other = tmp_path / f".out.{os.getppid()}.partial"  # what a call that goes on writes
    killed.mkdir()
    other.mkdir()
    (killed / "half.gguf").write_bytes(b"GG")
    done = run(
        "export", "--format", "adapter,merged,f16,q8_0,q4_k_m", "--to", "out", "--prompts", "4", "--json"
    )
    assert done.exit_code == 0, (done.output, getattr(done.exception, "details", done.exception))
    told = json.loads(next(line for line in done.output.splitlines() if line.startswith("{")))
    folder = tmp_path / "out"
    assert not killed.exists()
    assert other.exists()
    assert {path.name for path in folder.iterdir()} == {
        "adapter", "adapter.gguf", "merged", "model-f16.gguf", "model-q8_0.gguf", "model-q4_k_m.gguf",
        "tokenizer.json", "chat_template.jinja", "chat_format.json", "Modelfile", "README.md", "export.json",
    }  # fmt: skip
    assert [file["format"] for file in told["files"]] == ["adapter", "merged", "f16", "q8_0", "q4_k_m"]
    for file in told["files"]:
        assert file["parity"]["prompts"] == 4
        assert file["parity"]["exact"]["low"] is not None
    assert "Q5_0, not Q4_K_M" in told["files"][-1]["note"]
    assert "FROM" in (folder / "Modelfile").read_text().splitlines()[0]
    card = (folder / "README.md").read_text()
    assert "[More Information Needed]" not in card
    for path in folder.rglob("*"):  # nothing that goes to a hub names a folder of this machine
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes(), path
    assert not list(folder.rglob("adapter/README.md"))
    for file in told["files"]:
        file["parity"].pop("differing")  # ids of documents stay here
    assert json.loads((folder / "export.json").read_text())["files"] == told["files"]
    alone = next(RunStore(tmp_path / ".insource").complete("export")).path / "Modelfile"
    first, second = alone.read_text().splitlines()[:2]
    assert first.startswith("# Copy the base model base beside this file, as ")
    assert first.rstrip(".").rpartition(" ")[2] in second
    again = run("export", "--format", "adapter", "--to", "out")
    assert again.exception.code == "folder-not-empty"


@pytest.mark.parametrize("method", ["full", "dora"])
def test_what_has_no_gguf_adapter_is_served_and_exported_whole(method, made, tmp_path):
    made["method"] = method
    done = run("export", "--format", "q8_0", "--to", "out", "--prompts", "3")
    assert done.exit_code == 0, (done.output, getattr(done.exception, "details", done.exception))
    exported = next(RunStore(tmp_path / ".insource").complete("export"))
    assert exported.result["file"] == "model.gguf"
    assert exported.result["parity"]["exact"]["value"] == 1.0
    refused = run("export", "--format", "adapter,q8_0", "--to", "other")
    assert refused.exception.code == "format-not-possible"
    assert not (tmp_path / "other").exists()


def test_a_whole_model_is_served_without_an_adapter(made, tmp_path):
    """`insource serve` and `insource predict` open a run whose export is one file."""
    made["method"] = "full"
    assert run("export", "--adapter").exit_code == 0
    exported = next(RunStore(tmp_path / ".insource").complete("export"))
    session = open_session(Path("insource.toml"), {}, quiet=True)
    base = resolve(session.config.training.model)
    plain = example_result()
    result = plain.model_copy(
        update={
            "instruction": "Route the ticket.",
            "training": plain.training.model_copy(update={"base_model": base.name}),
            "base_digest": base.digest,
            "max_new_tokens": 6,
            "served": Served(arm="tuned", model="tuned"),
            "paths": {"adapter": str(exported.path / "model.gguf")},
            "dataset": plain.dataset.model_copy(
                update={"output": Labels(names=("billing", "delivery", "technical"))}
            ),
        }
    )
    found = answering(session, result)
    with found.open() as opened:
        completion = opened.model.generate(found.ask("I was charged twice."))
    assert completion.text in ("billing", "delivery", "technical")
    assert 0 <= found.confidence(completion) <= 1
    assert found.engine == str(exported.path / "model.gguf")


def test_a_gate_that_fails_publishes_nothing(made, tmp_path, monkeypatch):
    """The file holds another model: every matrix is turned upside down."""
    pack = gguf_file.pack
    monkeypatch.setattr(gguf_file, "pack", lambda matrix, kind: pack(matrix[::-1].copy(), kind))
    done = run("export", "--format", "adapter,f16", "--to", "out", "--prompts", "3")
    assert isinstance(done.exception, InsourceError)
    assert done.exception.code == "parity-failed"
    assert "GGUF F16" in done.exception.message
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
    assert not list((tmp_path / ".insource" / "runs").glob("*-gguf-*/manifest.json"))


def test_a_disk_that_fills_leaves_nothing_half_written(made, tmp_path, monkeypatch):
    from insource.workflow import publish

    def full(source, target):
        target.write_bytes(b"part of it")
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(publish, "_linked", full)
    done = run("export", "--format", "adapter", "--to", "out", "--prompts", "3")
    assert done.exception.errno == errno.ENOSPC  # which the command calls `disk-full`
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]
    monkeypatch.undo()


def test_a_full_disk_is_named_before_anything_is_written(made, tmp_path, monkeypatch):
    from insource.models.weights import wheel

    monkeypatch.setattr(wheel.shutil, "disk_usage", lambda path: type("Disk", (), {"free": 0})())
    done = run("export", "--format", "q8_0", "--to", "out", "--prompts", "3")
    assert done.exception.code == "disk-full"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", ["q3_k", "adapter,,pickle"])
def test_an_unknown_format_is_a_usage_error(value, made):
    done = run("export", "--format", value)
    assert done.exit_code == 2
    assert "choose of adapter, merged, f16" in done.output


def test_the_ladder_measures_each_step_against_the_one_above(made, tmp_path):
    done = run("evaluate", "--ladder", "--json")
    assert done.exit_code == 0, (done.output, getattr(done.exception, "details", done.exception))
    told = json.loads(next(line for line in done.output.splitlines() if line.startswith("{")))
    names = [step["name"] for step in told["steps"]]
    assert names == ["lora, adapter on ALL_F32", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M"]
    assert [step["above"] for step in told["steps"]] == ["", *names[:-1]]
    for step in told["steps"]:
        assert step["quality"]["n"] == told["documents"] == 6
        assert step["memory_bytes"] > step["bytes"] > 0
        assert step["tokens_per_s"]["value"] > 0
        assert step["p95_s"]["value"] >= step["p50_s"]["value"] > 0
    sizes = [step["bytes"] for step in told["steps"][1:]]
    assert sizes == sorted(sizes, reverse=True)
    kept = next(RunStore(tmp_path / ".insource").complete("ladder"))
    assert json.loads((kept.path / "ladder.json").read_text()) == told
    assert RunResult.model_fields["step_ladder"].default is None


def test_further_methods_and_seeds_are_trained_and_announced(made, tmp_path):
    done = CliRunner().invoke(
        cli, ["evaluate", "--ladder", "--methods", "full", "--seeds", "2", "--documents", "4", "--json"]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    told = json.loads(next(line for line in done.output.splitlines() if line.startswith("{")))
    assert [step["name"] for step in told["steps"]][:2] == ["full, F16", "lora, adapter on ALL_F32"]
    assert told["steps"][1]["above"] == "full, F16"
    assert [one["seed"] for one in told["seeds"]] == [0, 1]
    assert "2 more trainings: about" in done.output.replace("\n", " ")
    assert len(list(RunStore(tmp_path / ".insource").complete("train"))) == 3
    unknown = run("evaluate", "--ladder", "--methods", "prefix")
    assert unknown.exit_code == 2
