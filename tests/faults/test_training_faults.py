"""Training that goes wrong: damaged weights, a disk that fills, memory that runs out, two runs at once."""

import json
import os
import subprocess
import sys
import time

import pytest
from support.child_python import python_child
from support.tiny_models import tiny_model

CONFIG = """
[task]
labels = ["billing", "delivery", "technical"]
instruction = "Which desk?"
[training]
model = "hf/./base"
epochs = {epochs}
batch_size = 4
learning_rate = 0.0003
patience = 0
sweep = "off"
scored_documents = 0
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A random model of two layers; its cache, where it is converted once for all tests."""
    folder = tmp_path_factory.mktemp("made")
    return tiny_model(folder / "base", "llama", dtype="float32"), folder / "cache"


@pytest.fixture
def project(made, rows):
    """Writes a project of 24 rows into a folder, with the tiny base model."""

    def write(folder, *, epochs=2, base=None):
        folder.mkdir(exist_ok=True)
        splits = ["train"] * 16 + ["validation"] * 4 + ["calibration"] * 2 + ["test"] * 2
        lines = [row | {"split": split} for row, split in zip(rows.tickets(24), splits, strict=True)]
        (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "insource.toml").write_text(CONFIG.format(epochs=epochs))
        (folder / "base").symlink_to(base or made[0])
        return folder

    return write


@pytest.fixture
def begin(made):
    """Starts `insource train --json` with more options in a project."""

    def start(folder, *options):
        return subprocess.Popen(
            [sys.executable, "-m", "insource.cli.main", "train", "--json", *options],
            cwd=folder,
            env=os.environ | {"INSOURCE_CACHE": str(made[1])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def ended(child):
    out, err = child.communicate(timeout=600)
    assert "Traceback" not in err, err
    return child.returncode, out, err


def complete_runs(folder):
    return list((folder / ".insource" / "runs").glob("*-train-*/manifest.json"))


def wait_for(folder, pattern, child):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and child.poll() is None:
        if list(folder.glob(f".insource/runs/.train-*.partial/{pattern}")):
            return
        time.sleep(0.02)
    child.kill()
    pytest.fail(f"{pattern} did not come: {child.communicate()[1]}")


def test_damaged_weights_end_the_run_at_the_first_loss(project, begin, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    damaged = tiny_model(tmp_path / "damaged", "llama", dtype="float32")
    file = damaged / "model.safetensors"
    weights = load_file(file)
    name = next(one for one in weights if "down_proj" in one)
    weights[name] = torch.full_like(weights[name], float("nan"))
    save_file(weights, file, {"format": "pt"})
    folder = project(tmp_path / "project", base=damaged)
    code, out, err = ended(begin(folder))
    assert (code, out) == (1, "")
    assert "is no number: the training diverged" in err
    assert "insource train --learning-rate" in err
    assert complete_runs(folder) == []


def test_a_full_disk_leaves_whole_checkpoints_and_the_same_command_goes_on(project, begin, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        folder = project(disk / "project", epochs=40)
        child = begin(folder)
        wait_for(folder, "checkpoints/checkpoint-*/trainer_state.json", child)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 512):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        code, out, err = ended(child)
        assert (code, out) == (1, "")
        assert "The disk is full" in err
        assert complete_runs(folder) == []
        for checkpoint in folder.glob(".insource/runs/.train-*.partial/checkpoints/checkpoint-*"):
            json.loads((checkpoint / "trainer_state.json").read_text())
        filler.unlink()
        code, out, err = ended(begin(folder))
        assert code == 0, err
        assert json.loads(out)["steps"] == 160
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_second_process_on_the_same_run_is_told_so(project, begin, tmp_path):
    folder = project(tmp_path / "project", epochs=60)
    first = begin(folder)
    wait_for(folder, "checkpoints", first)
    code, out, err = ended(begin(folder))
    assert (code, out) == (1, "")
    assert "Another process is already working on this run" in err
    code, out, err = ended(first)
    assert code == 0, err
    assert len(complete_runs(folder)) == 1


def test_a_failed_check_stops_plan_and_training_and_force_is_recorded(project, begin, tmp_path):
    folder = project(tmp_path / "project")
    with (folder / "insource.toml").open("a") as file:
        file.write("max_memory_gb = 0.01\n")
    code, out, err = ended(begin(folder, "--plan"))
    plan = json.loads(out)
    assert code == 1
    assert (plan["fits"], [stop["code"] for stop in plan["stops"]]) == (False, ["memory-too-small"])
    assert plan["stops"][0]["overridable"]
    assert plan["seconds"]["value"] > 0
    assert len(plan["choices"]) >= 18
    assert complete_runs(folder) == []
    code, out, err = ended(begin(folder))
    assert (code, out) == (1, "")
    assert "Training needs about" in err
    assert "--force" in err
    # What this machine lacks now does not decide for an attempt after memory was freed or a package installed
    assert not list(folder.glob(".insource/runs/.train-*/machine.json"))
    code, out, err = ended(begin(folder, "--force"))
    assert code == 0, err
    assert [line.split(":")[0] for line in json.loads(out)["forced"]] == ["memory-too-small"]
    assert "--force overrides memory-too-small" in err
    assert json.loads(out)["planned_memory_bytes"] == plan["memory_bytes"]["value"]
    assert list(folder.glob(".insource/runs/*-train-*/machine.json"))


NO_MEMORY = """
import json, resource, sys
from pathlib import Path
from support.recipes import recipe, rows
from insource.foundation.errors import InsourceError
from insource.models.catalogue import resolve
from insource.training.loop import fine_tune as module
from insource.training.loop.trainers import CompletionSFT, release
from insource.training.tokenize import IGNORE, TrainingRow

def sizes():
    fields = dict(line.split(":") for line in open("/proc/self/status") if line.startswith("Vm"))
    return [int(fields[name].split()[0]) * 1024 for name in ("VmSize", "VmPeak")]

length, share = 300, float(sys.argv[3])
one = TrainingRow("r", [7] * length, [IGNORE] * (length - 4) + [7] * 4)
planned = recipe(rows(16, mean=length, longest=length), epochs=1, batch_size=16, precision="float32",
                 micro_batch_tokens=16 * length, evaluate_every=1, gradient_checkpointing=False)

class Limited(CompletionSFT):
    def choose_speed(self, *arguments):
        return ()

    def training_step(self, model, *arguments):
        if not getattr(self, "limited", False):
            self.limited = True
            super().training_step(model, *arguments)  # unlimited: what it takes differs by processor
            model.zero_grad(set_to_none=True)
            release()
            used, peak = sizes()
            resource.setrlimit(resource.RLIMIT_AS, (used + round(share * (peak - used)), -1))
        return super().training_step(model, *arguments)

module.CompletionSFT = Limited
notes = []
try:
    done = module.fine_tune(resolve(sys.argv[1]), planned, [one] * 16, [one], pad_id=0,
                            folder=Path(sys.argv[2]), note=notes.append)
    print(json.dumps({"choices": [choice.reason for choice in done.speed], "notes": notes}))
except InsourceError as error:
    print(json.dumps({"code": error.code, "hint": error.hint}))
"""


@pytest.mark.parametrize(("share", "fits"), [(0.8, True), (0.25, False)])
def test_a_step_that_does_not_fit_is_computed_in_halves_once(tmp_path, share, fits):
    """The process may take a share of the memory that the step took before: a real allocation fails."""
    base = tiny_model(tmp_path / "base", "llama", dtype="float32", hidden_size=256, intermediate_size=1024)
    run = tmp_path / "run"
    run.mkdir()
    child = python_child(NO_MEMORY, f"hf/{base}", run, share)
    child["env"] |= {
        "INSOURCE_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        # A heap with holes, or a thread's own heap, takes a part that differs by run.
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_ARENA_MAX": "1",
    }
    said = json.loads(subprocess.check_output(**child, text=True).splitlines()[-1])
    if fits:
        assert said["choices"][-1] == "halved at step 1: a wider one did not fit into the memory"
        assert said["notes"][-1] == "out of memory: going on with micro-batches of 2,400 tokens"
    else:
        assert said["code"] == "out-of-memory"
        assert "training.gradient_checkpointing" in said["hint"]
