"""What the log says of the cloud, by planted logs: each change from its first call on, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from support.walks import session_on

from insource.lifecycle.cloud_watch import CloudCallFact, cloud_findings, outage_now
from insource.logs.recorder import STORE_FILE
from insource.store.calls.calls import insert_calls
from insource.store.database import open_database
from insource.store.deployments.registry import events, open_registry
from insource.types import Call, Route, Usage
from insource.workflow.cloud_watch import watch_cloud

START = datetime.now(UTC) - timedelta(days=3)
USAGE = Usage(input_tokens=1000, output_tokens=100)
LISTED = Decimal("0.0011")  # at the prices of CONFIG
CONFIG = "[task]\nname = 'tickets'\n[prices.models.m]\ninput = 1.0\noutput = 1.0\n"


def call(number, **fields):
    answered = {} if fields.get("outcome") == "error" else {"model_answered": "m-1", "cost_usd": LISTED}
    given = {"task": "tickets", "model_asked": "m", "usage": USAGE, "request": {}, **answered, **fields}
    return Call(call_id=f"c{number:04}", started_at=START + timedelta(minutes=number), **given)


def failing(status=503, error="unavailable"):
    return {"outcome": "error", "status": status, "error": error}


VERSION = {"model_answered": "m-2"}
DEARER = {"cost_usd": 2 * LISTED}
ENDED = failing(404, "model_not_found: The model m has been deprecated.")
HERE = {"route": Route(to="local", model="here", reason="confident")}
LOGS = {
    "nothing": ([{}] * 40, []),
    "a version": ([{}] * 30 + [VERSION] * 6, [("model-version", 30, "m-2")]),
    "a version that is back": ([{}] * 20 + [VERSION] * 20 + [{}] * 6, []),
    "a router": ([{}, VERSION] * 20, []),
    "a new log": ([{}] * 3 + [VERSION] * 5, []),
    "a price": ([{}] * 30 + [DEARER] * 6, [("price", 30, "2")]),
    "a single dear call": ([{}] * 30 + [DEARER] + [{}] * 6, []),
    "more tokens are no price": (
        [{}] * 30 + [{"usage": Usage(input_tokens=2000, output_tokens=200), "cost_usd": 2 * LISTED}] * 6,
        [],
    ),
    "an outage": ([{}] * 20 + [failing()] * 5, [("outage", 20, "5 calls failed")]),
    "an outage that ended": ([{}] * 20 + [failing(None)] * 7 + [{}] * 3, [("outage", 20, "7 calls failed")]),
    "single failures": (([{}] * 3 + [failing(429)] * 4) * 5, []),
    "a caller's mistakes": ([{}] * 20 + [failing(400, "bad request")] * 9, []),
    "the end of a model": ([{}] * 20 + [ENDED] * 2, [("deprecated", 20, "deprecated")]),
    "answered here": ([{}] * 20 + [{**failing(), **HERE}] * 9, []),
    "all at once": (
        [{}] * 20 + [{**VERSION, **DEARER}] * 8 + [failing()] * 5,
        [("model-version", 20, "m-2"), ("price", 20, "2"), ("outage", 28, "5 calls failed")],
    ),
    "no log": ([], []),
}


@pytest.mark.parametrize("name", LOGS)
def test_what_changed_is_found_from_its_first_call_on_and_told_once(name, tmp_path):
    plan, expected = LOGS[name]
    (tmp_path / "insource.toml").write_text(CONFIG)
    session = session_on(tmp_path)
    session.project.workspace.mkdir()
    if plan:
        with open_database(session.project.workspace / STORE_FILE) as database, database.write() as log:
            insert_calls(log, [call(number, **fields) for number, fields in enumerate(plan)])
    found = watch_cloud(session)
    assert [(one.kind, round((one.since - START).total_seconds() / 60), one.now) for one in found] == expected
    watch_cloud(session)
    with open_registry(session.project.workspace) as registry:
        alerts = events(registry, "tickets")
    assert [(event.kind, event.evidence["kind"]) for event in alerts] == [
        ("alert", one[0]) for one in expected
    ]
    assert all(one.next in event.reason for one, event in zip(found, alerts, strict=True))


def test_an_outage_that_ended_says_when():
    facts = [
        CloudCallFact(
            START + timedelta(minutes=n),
            "m",
            "m-1",
            not 5 <= n < 11,
            500 if 5 <= n < 11 else 200,
            "",
            USAGE,
            None,
        )
        for n in range(15)
    ]
    (found,) = cloud_findings(facts, lambda model, usage, at: None, lambda model: False)
    assert (found.kind, found.ongoing) == ("outage", False)
    assert f"{START + timedelta(minutes=11):%H:%M:%SZ}" in found.said


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (".xxxxx", True),
        ("..xxxx", False),
        (".xxxxxx.", False),
        ("", False),
        (".4xxxxx", True),
        (".xxxx4", False),
    ],
)
def test_an_outage_is_now_while_the_last_calls_got_no_answer(ends, said):
    """Under whatever name they were asked; a caller's mistake (4) is an answer."""
    status = {".": 200, "x": 503, "4": 400}
    facts = [
        CloudCallFact(START + timedelta(minutes=n), f"m{n % 2}", "", end == ".", status[end], "", USAGE, None)
        for n, end in enumerate(ends)
    ]
    assert outage_now(facts).startswith("the last 5 calls to the cloud got no answer") is said


def test_a_model_that_the_price_table_calls_deprecated_is_said():
    facts = [CloudCallFact(START, "m", "m-1", True, 200, "", USAGE, None)]
    (found,) = cloud_findings(facts, lambda model, usage, at: None, lambda model: True)
    assert (found.kind, found.said.endswith("the price table calls it deprecated")) == ("deprecated", True)
