"""A learning curve of a really trained, exported and served model: tiny, random, two layers."""

import pytest
from support.tiny_models import tiny_model
from support.walks import FakeDisplay, session_on

from insource.export import parity as parity_module
from insource.export.merged import steps as steps_module
from insource.workflow.build import build_dataset
from insource.workflow.probe import probe

pytestmark = [pytest.mark.model, pytest.mark.slow]

CONFIG = """
[task]
name = "tickets"
instruction = "Route the ticket."
labels = ["billing", "delivery", "technical"]
primary_metric = "accuracy"
[dataset]
format = "rows"
[training]
model = "hf/{model}"
epochs = 1
sweep = "off"
scored_documents = 0
[serving]
threads = 1
context_tokens = 512
[evaluation]
parity_prompts = 2
validation_documents = 30
"""


def test_each_size_is_trained_exported_asked_and_kept(project, rows, tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    for module in (steps_module, parity_module):
        monkeypatch.setattr(module, "best_dtype", lambda: (torch.float32, "exact"))
    model = tiny_model(tmp_path / "base", "llama", dtype="float32")
    records = rows.tickets(90)
    for place, record in enumerate(records):
        record["split"] = "train" if place < 48 else "validation" if place < 80 else "test"
    folder = project(records, CONFIG.format(model=model))
    session = session_on(folder, FakeDisplay())
    dataset, task = build_dataset(session)
    found = probe(session, dataset, task, budget_s=3600)
    status = {one.name: (one.status, one.reason) for one in found.probes.probes}
    assert status["fine-tune curve"] == ("measured", "")
    rows_trained = [point.rows for point in found.probes.curve.points]
    assert found.probes.curve.source == "fine-tune"
    assert rows_trained[-1] == len(dataset.splits["train"])
    assert len(rows_trained) == 5
    assert len(list(session.project.runs.complete("train"))) == 5
    again = probe(session_on(folder, FakeDisplay()), dataset, task, budget_s=0)
    assert again.probes.curve == found.probes.curve
