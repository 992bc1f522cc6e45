"""Several processes train what one process trains: two with gloo, on a tiny random model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support.recipes import recipe, rows
from support.tiny_models import tiny_model
from support.token_rows import token_rows

from insource.foundation.errors import ProviderError
from insource.models.catalogue import resolve

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("base")
        patch.setenv("INSOURCE_CACHE", str(folder / "cache"))
        yield resolve(f"hf/{tiny_model(folder / 'tiny', 'llama', dtype='float32')}")


@pytest.fixture
def train(base, tmp_path):
    """Trains with these settings; returns what was trained, its weights and the curve."""
    from safetensors.torch import load_file

    from insource.training.loop.fine_tune import fine_tune

    def run(watch=lambda point: None, **section):
        given = {"steps": 9, "learning_rate": 1e-3, "batch_size": 5, "precision": "float32"} | section
        planned = recipe(rows(23, longest=32), **given)
        points = []

        def progress(point):
            points.append(point)
            watch(point)

        folder = tmp_path / f"run-{planned.processes}"
        ended = fine_tune(
            base,
            planned,
            token_rows(23, 1),
            token_rows(6, 2),
            pad_id=0,
            folder=folder,
            progress=progress,
        )
        (weights,) = ended.adapter.glob("*.safetensors")
        return ended, load_file(weights), points

    return run


def test_two_processes_have_the_losses_and_weights_of_one(train):
    import torch

    one, weights, curve = train()
    two, others, curve_of_two = train(processes=2)  # 23 rows in fives: the shares are never equal
    assert [point.step for point in curve] == [point.step for point in curve_of_two]
    for point, other in zip(curve, curve_of_two, strict=True):
        assert other.loss == pytest.approx(point.loss, abs=1e-5)
        assert other.validation_loss == pytest.approx(point.validation_loss, abs=1e-5)
    assert two.best_step == one.best_step
    assert others.keys() == weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(others[name], tensor, atol=1e-4, rtol=1e-3)


def test_a_killed_process_ends_the_run_by_name(train):
    """The second process is killed at the third step; the others must not wait for it."""
    killed = []

    def kill(point):
        if point.step == 3 and not killed:
            killed.append(processes_of(os.getpid())[-1])
            os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(ProviderError) as caught:
        train(kill, processes=2)
    assert caught.value.code == "training-process-died"
    assert "Process 2 of 2" in caught.value.message
    assert "-9" in caught.value.message
    assert processes_of(os.getpid()) == []


def processes_of(parent):
    """Return the ids of the training processes that this one started, in order."""
    ids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    lines = {int(one): Path(f"/proc/{one}/cmdline").read_text() for one in ids}
    return sorted(one for one, line in lines.items() if "launch.worker" in line)


CONFIG = """
[task]
labels = ["billing", "delivery", "technical"]
instruction = "Which desk?"
[training]
model = "hf/./base"
steps = 12
evaluate_every = 1
patience = 0
sweep = "off"
scored_documents = 0
"""


@pytest.fixture
def command(tmp_path, rows):
    """Starts `insource train` with these options in a project with the tiny model."""
    tiny_model(tmp_path / "base", "llama", dtype="float32")
    splits = ["train"] * 16 + ["validation"] * 4 + ["calibration"] * 2 + ["test"] * 2
    lines = [row | {"split": split} for row, split in zip(rows.tickets(24), splits, strict=True)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "insource.toml").write_text(CONFIG)

    def start(*options):
        return subprocess.Popen(
            [sys.executable, "-m", "insource.cli.main", "train", *options],
            cwd=tmp_path,
            env=os.environ | {"INSOURCE_CACHE": str(tmp_path / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def ended(child):
    out, err = child.communicate(timeout=600)
    assert child.returncode == 0, err
    return out, err


def test_the_command_prints_a_job_for_a_cluster(command):
    out, _ = ended(command("--launcher", "skypilot", "--processes", "2"))
    assert yaml.safe_load(out)["run"] == "insource train --processes 2 --yes\n"


@pytest.mark.slow
def test_the_command_trains_in_two_processes_also_after_it_was_killed(command, tmp_path):
    first = command("--processes", "2")
    folders = tmp_path / ".insource" / "runs"
    wait_until(lambda: [*folders.glob(".train-*/checkpoints/*/trainer_state.json")])
    assert first.poll() is None
    workers = processes_of(first.pid)
    assert len(workers) == 2
    first.kill()
    first.communicate()
    wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    assert not [*folders.glob("*/adapter")]
    out, err = ended(command("--processes", "2", "--json"))
    assert "2 processes" in err
    assert [point["step"] for point in json.loads(out)["curve"] if point["loss"]] == [*range(1, 13)]
    assert [*folders.glob("*-train-*/adapter/adapter_model.safetensors")]


def wait_until(reached):
    ends = time.monotonic() + 300
    while not reached():
        assert time.monotonic() < ends
        time.sleep(0.02)
