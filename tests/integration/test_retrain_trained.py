"""A cycle with a model that is really trained, exported and served: tiny, random, two or three layers."""

import pytest
from support.retraining import KNOWN, again, answered, documents, source_rows, walk
from support.tiny_models import tiny_model
from support.walks import session_on

from insource.arms.registry import ARMS
from insource.export import parity as parity_module
from insource.export.merged import steps as steps_module
from insource.logs.query import Log
from insource.models.catalogue import resolve
from insource.store.deployments.registry import deployment_of, open_registry
from insource.workflow.champion import champion_of
from insource.workflow.retrain import retrain

pytestmark = [pytest.mark.model, pytest.mark.slow]

CONFIG = """
[task]
name = "tickets"
instruction = "Which desk?"
labels = ["billing", "technical", "shipping"]
primary_metric = "accuracy"
[dataset]
test = 0.3
[reference]
model = "openai/big"
cost_per_1000_usd = 30.0
[training]
model = "hf/{large}"
steps = 6
sweep = "off"
scored_documents = 0
[serving]
threads = 1
context_tokens = 512
[evaluation]
parity_prompts = 2
base_documents = 4
[retrain]
examples = 20
labels = 10
bases = ["hf/{small}"]
"""
TUNED = walk(tuple(arm for arm in ARMS if arm.kind in ("cloud", "floor", "tuned")))


def test_a_smaller_base_is_tried_once_and_the_champion_answers_by_its_own_engine(
    project, tmp_path, monkeypatch
):
    import torch

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    for module in (steps_module, parity_module):
        monkeypatch.setattr(module, "best_dtype", lambda: (torch.float32, "exact"))
    large = tiny_model(tmp_path / "large", "llama", dtype="float32", num_hidden_layers=3)
    small = tiny_model(tmp_path / "small", "llama", dtype="float32", num_hidden_layers=2)
    folder = project(source_rows(90), CONFIG.format(large=large, small=small))
    session = session_on(folder)
    before = TUNED(session)
    assert (before.served.kind, before.training.base_model) == ("engine", f"hf/{large}")
    resolve(f"hf/{small}")

    session = again(session)
    calls = answered(session.project.workspace, documents(KNOWN, 30, seed=1))
    with Log(session.project.workspace) as log:
        log.drain()
        for call, (_, label) in zip(calls, documents(KNOWN, 30, seed=1), strict=True):
            log.correct(call, label)
    found = retrain(session, TUNED)
    cycle = found.cycle
    assert {one.name for one in found.triggers if one.due} == {"examples", "base"}
    assert (cycle.base, cycle.champion_base, cycle.step) == (f"hf/{small}", f"hf/{large}", "done")
    assert (cycle.ruling.sealed.n, cycle.ruling.fresh.n) == (27, 9)
    assert 0 <= cycle.ruling.sealed.baseline_value.value <= 1
    assert cycle.cost.seconds > 0
    with open_registry(session.project.workspace) as database:
        now = deployment_of(database, "tickets")
    assert now.champion.run_id == before.run_id
    assert (now.challenger is not None) == cycle.ruling.passes
    assert champion_of(session).training.base_model == f"hf/{large}"

    def never(own):
        raise AssertionError("it was tried")

    assert retrain(again(session), never).cycle is None
