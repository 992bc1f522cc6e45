"""The planned peak of a run on a CPU against the resident memory that the run really took."""

import json
import subprocess

import pytest
from support.child_python import python_child
from support.tiny_models import tiny_model

TOLERANCE = 0.15

RUN = """
import json, sys, tempfile
from pathlib import Path

from support.recipes import rows
from insource.config.training import TrainingSection
from insource.models.catalogue import resolve
from insource.training.loop.fine_tune import fine_tune
from insource.training.planning.machine import this_machine
from insource.training.prepare import base_shape
from insource.training.recipe import plan
from insource.training.tokenize import IGNORE, TrainingRow

base, length, answer = resolve(f"hf/{sys.argv[1]}"), 256, 64
def row(i):
    return TrainingRow(f"r{i}", [2 + i] * length, [IGNORE] * (length - answer) + [2 + i] * answer)

made = [row(i) for i in range(8)]
recipe = plan(
    data=rows(8, mean=length, longest=length, answer=answer),
    shape=base_shape(base),
    machine=this_machine(),
    seed=0,
    section=TrainingSection(batch_size=4, steps=2, evaluate_every=2, patience=0, precision="float32"),
)
with tempfile.TemporaryDirectory() as folder:
    trained = fine_tune(base, recipe, made, made[:2], pad_id=0, folder=Path(folder))
print(json.dumps([recipe.micro_batch_tokens, recipe.memory.total, trained.peak_memory_bytes]))
"""


@pytest.mark.model
def test_a_run_takes_what_was_planned(tmp_path, monkeypatch):
    """Six layers of 512: most of it is activations, and the rest what a process of PyTorch takes."""
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    sizes = {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 8}
    base = tiny_model(tmp_path / "base", "llama", dtype="float32", **sizes)
    out = subprocess.check_output(**python_child(RUN, base), text=True)
    tokens, planned, taken = json.loads(out.splitlines()[-1])
    assert tokens == 1024
    assert planned == pytest.approx(taken, rel=TOLERANCE)
