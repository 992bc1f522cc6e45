"""A local-only task's doubtful answers wait for a person, and what a person decides is on record."""

import json

import pytest
from support.gateway_kit import SURE, TASK, UNSURE, Local
from support.gateway_ways import ask, gateway, post
from support.walks import session_on

from insource.dataset.review.workbench import FieldVerdict
from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.workflow.review import open_workbench

CONFIG = """
[task]
name = "specs"
schema = "schema.json"
privacy = "local-only"
"""
ROWS = {"id": "row-1", "input": "Pump, 230 V", "output": {"voltage": "230 V"}}


@pytest.fixture(params=["rows", "log"])
def session(request, tmp_path):
    """A project whose rows are in a file, or in the log itself, after three calls of its gateway."""
    more = '[dataset]\nformat = "log"\n' if request.param == "log" else ""
    (tmp_path / "insource.toml").write_text(CONFIG + more)
    (tmp_path / "schema.json").write_text(json.dumps(TASK.output.definition))
    (tmp_path / "data.jsonl").write_text(json.dumps(ROWS) + "\n")
    task = TASK.model_copy(update={"privacy": "local-only"})
    with Recorder.open(tmp_path / ".insource") as recorder, gateway(recorder, Local(), task=task) as server:
        replies = [post(server, ask(one)) for one in (UNSURE, SURE, UNSURE)]
    assert [one.headers["x-insource-reason"] for one in replies] == [
        "waits-for-a-person",
        "confident",
        "waits-for-a-person",
    ]
    return session_on(tmp_path)


def feedback(session, call_id):
    with Log(session.project.workspace) as log:
        return [(one.kind, one.value, one.who) for one in log.feedback(call_id).get(call_id, ())]


def test_they_wait_in_a_queue_of_their_own_and_a_decision_is_feedback_on_the_call(session):
    with open_workbench(session) as bench:
        assert bench.progress("waiting", "ann") == (0, 2)
        place = bench.following("waiting", "ann")
        item = bench.item("waiting", "ann", place)
        assert (item.row.input, item.row.output) == (UNSURE, '{"voltage":null}')
        assert "confidence of 0.30" in item.reasons[0]
        bench.save("ann", place, [FieldVerdict("/voltage", "edited", "400 V")])
        other = bench.following("waiting", "ann", place)
        bench.save("ann", other, [FieldVerdict("/voltage", "rejected")])
        assert bench.progress("waiting", "ann").waiting == 0
        ids = [bench.rows[one].row_id for one in (place, other)]
    corrected, rejected = (feedback(session, call_id) for call_id in ids)
    assert [(kind, json.loads(value), who) for kind, value, who in corrected] == [
        ("correction", {"voltage": "400 V"}, "ann")
    ]
    assert rejected == [("rating", "down", "ann")]
    with open_workbench(session) as bench:  # also in a later session
        assert bench.progress("waiting", "ann").waiting == 0


@pytest.mark.parametrize("session", ["rows"], indirect=True)
def test_decisions_about_other_rows_are_no_feedback(session):
    with open_workbench(session) as bench:
        place = next(place for place, row in enumerate(bench.rows) if row.input != UNSURE)
        row = bench.rows[place]
        bench.save("ann", place, [FieldVerdict("/voltage", "accepted")])
    assert feedback(session, row.row_id) == []
