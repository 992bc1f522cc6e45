"""The model of a finished run, read back to be served."""

import json

import pytest
from support.example_results import example_result
from support.walks import session_on

from insource.foundation.errors import IntegrityError, UserError
from insource.models.catalogue import BaseModel
from insource.runs.folders import MANIFEST
from insource.workflow import serve
from insource.workflow.serve import deployed


@pytest.fixture
def finished(project, monkeypatch):
    """A project with one finished run, its adapter and its base model."""
    folder = project(config="[task]\ninstruction = 'Today: other words.'\n")
    run = folder / ".insource" / "runs" / "20260101T000000Z-run-abcdef"
    run.mkdir(parents=True)
    adapter = run / "adapter.gguf"
    adapter.write_bytes(b"adapter")
    result = example_result().model_copy(
        update={
            "paths": {"adapter": str(adapter)},
            "instruction": "The words that were trained.",
            "base_digest": "b" * 64,
            "max_new_tokens": 77,
        }
    )
    (run / "result.json").write_text(result.model_dump_json())
    manifest = {"key": "k", "seconds": 1, "outputs": [], "result": {}, "stage": "run", "run_id": run.name}
    (run / MANIFEST).write_text(json.dumps(manifest))
    base = BaseModel(name="small", licence="Apache-2.0", gguf=folder / "small.gguf", digest="b" * 64)
    monkeypatch.setattr(serve, "resolve", lambda name: base)
    return session_on(folder), adapter, base


def test_prompt_and_limit_are_those_of_the_run_not_of_today(finished):
    session, adapter, _ = finished
    found = deployed(session)
    assert found.task.instruction == "The words that were trained."
    assert (found.engine.adapter, found.ask("480 V").max_tokens) == (adapter, 77)
    assert found.policy == found.result.routing.policy


def test_a_run_is_found_by_the_start_of_its_name(finished):
    session, _, _ = finished
    assert deployed(session, "20260101").result == deployed(session).result
    with pytest.raises(UserError) as caught:
        deployed(session, "2025")
    assert caught.value.code == "no-such-run"


def test_an_adapter_that_was_deleted_is_named(finished):
    session, adapter, _ = finished
    adapter.unlink()
    with pytest.raises(UserError) as caught:
        deployed(session)
    assert caught.value.code == "model-not-found"
    assert str(adapter) in caught.value.message


def test_another_base_model_is_not_served_under_the_old_adapter(finished, monkeypatch):
    session, _, base = finished
    monkeypatch.setattr(serve, "resolve", lambda name: base.model_copy(update={"digest": "c" * 64}))
    with pytest.raises(IntegrityError) as caught:
        deployed(session)
    assert caught.value.code == "digest-mismatch"
