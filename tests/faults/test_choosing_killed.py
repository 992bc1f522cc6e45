"""Training that is killed in its sweep and while a checkpoint is scored: the same adapter, bit for bit.

The model is tiny and random, the engine is the real one.
"""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.tiny_gguf import write_tiny_gguf

TRIALS, CHECKPOINTS, DOCUMENTS = 2, 8, 8
CONFIG = f"""
[task]
labels = ["billing", "delivery", "technical"]
[training]
model = "gguf/tiny.gguf"
epochs = 32
learning_rate = 0.01
patience = 0
sweep = "on"
scored_documents = {DOCUMENTS}
[serving]
threads = 1
"""


@pytest.fixture(scope="module")
def begin(rows, tmp_path_factory):
    """Starts `insource train --json` in a folder with the tiny model and 24 rows."""
    cache = tmp_path_factory.mktemp("cache")

    def start(folder):
        folder.mkdir(exist_ok=True)
        splits = ["train"] * 12 + ["validation"] * 8 + ["calibration"] * 2 + ["test"] * 2
        lines = [row | {"split": split} for row, split in zip(rows.tickets(24), splits, strict=True)]
        (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "insource.toml").write_text(CONFIG)
        if not (folder / "tiny.gguf").exists():
            write_tiny_gguf(folder / "tiny.gguf")
        return subprocess.Popen(
            [sys.executable, "-m", "insource.cli.main", "train", "--json"],
            cwd=folder,
            env=os.environ | {"INSOURCE_CACHE": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finish(child):
    out, err = child.communicate(timeout=1200)
    assert "Traceback" not in err, err
    assert child.returncode == 0, err
    return json.loads(out)


def kill_when(child, ready):
    """Kill the process as soon as ``ready`` is true of its run folder."""
    deadline = time.monotonic() + 1200
    while time.monotonic() < deadline and child.poll() is None:
        if ready():
            child.send_signal(signal.SIGKILL)
            child.communicate()
            return
        time.sleep(0.005)
    child.kill()
    pytest.fail(f"the moment never came: {child.communicate()[1]}")


def lines_of(folder, name):
    found = [path for path in folder.glob(f".insource/runs/.train-*.partial/{name}") if path.is_file()]
    text = found[0].read_text() if found else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def in_the_sweep(folder):
    """After the first trial, while the second is trained or scored."""
    return lambda: len(lines_of(folder, "sweep/trials.jsonl")) == 1


def scoring(folder, count):
    """While the checkpoint of the evaluation ``count`` is scored: it is written, its score is not."""

    def ready():
        points = lines_of(folder, "events.jsonl")
        evaluated = [point["step"] for point in points if point["validation_loss"] is not None]
        scored = sum(point["task_metric"] is not None for point in points)
        if len(evaluated) != count or scored != count - 1:
            return False
        state = f".insource/runs/.train-*.partial/checkpoints/checkpoint-{evaluated[-1]}/trainer_state.json"
        return any(folder.glob(state))

    return ready


def decided(folder):
    """The adapter's bytes, the choices, and the figures that led to them."""
    (run,) = (folder / ".insource" / "runs").glob("*-train-*")
    result = json.loads((run / "manifest.json").read_text())["result"]
    keys = ("step", "loss", "validation_loss", "task_metric")
    seconds = ("training_s", "starting_s", "answering_s")
    return {
        "adapter": (run / "adapter" / "adapter_model.safetensors").read_bytes(),
        "curve": [[point[key] for key in keys] for point in result["curve"]],
        "trials": [{k: v for k, v in trial.items() if k not in seconds} for trial in result["trials"]],
        # How threads wait follows the load of the machine, and an attempt that only scores does not train.
        "choices": [choice for choice in result["choices"] if choice[0] != "threads"],
        **{key: result[key] for key in ("best_step", "steps", "stopped", "score", "chosen_on")},
    }


def test_the_same_command_ends_with_the_same_adapter(begin, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    said = finish(begin(undisturbed))
    assert len(said["trials"]) == TRIALS
    assert said["metric"] == "accuracy"
    assert said["score"]["n"] == DOCUMENTS
    scored = [point["task_metric"] for point in said["curve"] if point["task_metric"]]
    assert [score["n"] for score in scored] == [DOCUMENTS] * CHECKPOINTS
    assert max(score["value"] for score in scored) > scored[0]["value"]  # the model learns

    kill_when(begin(killed), in_the_sweep(killed))
    kill_when(begin(killed), scoring(killed, 2))
    kill_when(begin(killed), scoring(killed, CHECKPOINTS))
    finish(begin(killed))
    assert decided(killed) == decided(undisturbed)
