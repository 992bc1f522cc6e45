"""Several processes train what one process trains: two with gloo, on a tiny random model."""

import json
import os
import signal
import subprocess
import sys
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
            killed.append(processes_of_this_one()[-1])
            os.kill(killed[0], signal.SIGKILL)

    with pytest.raises(ProviderError) as caught:
        train(kill, processes=2)
    assert caught.value.code == "training-process-died"
    assert "Process 2 of 2" in caught.value.message
    assert "-9" in caught.value.message
    assert processes_of_this_one() == []


def processes_of_this_one():
    """Return the ids of the training processes that this one started, in order."""
    ids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    lines = {int(one): Path(f"/proc/{one}/cmdline").read_text() for one in ids}
    return sorted(one for one, line in lines.items() if "launch.worker" in line)


CONFIG = """
[task]
labels = ["billing", "delivery", "technical"]
instruction = "Which desk?"
[training]
model = "hf/./base"
steps = 4
sweep = "off"
scored_documents = 0
"""


def test_the_command_trains_in_two_processes_and_prints_a_job_for_a_cluster(tmp_path, rows):
    tiny_model(tmp_path / "base", "llama", dtype="float32")
    splits = ["train"] * 16 + ["validation"] * 4 + ["calibration"] * 2 + ["test"] * 2
    lines = [row | {"split": split} for row, split in zip(rows.tickets(24), splits, strict=True)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "insource.toml").write_text(CONFIG)

    def train(*options):
        command = [sys.executable, "-m", "insource.cli.main", "train", *options]
        environment = os.environ | {"INSOURCE_CACHE": str(tmp_path / "cache")}
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran

    job = yaml.safe_load(train("--launcher", "skypilot", "--processes", "2").stdout)
    assert job["run"] == "insource train --processes 2 --yes\n"
    ran = train("--processes", "2", "--json")
    assert "2 processes" in ran.stderr
    found = json.loads(ran.stdout)
    assert (found["steps"], len([point for point in found["curve"] if point["loss"]])) == (4, 4)
    (run,) = (tmp_path / ".insource" / "runs").glob("*-train-*/adapter/adapter_model.safetensors")
    assert run.stat().st_size > 0
