"""Calls through a running gateway drift, the monitor alarms, and the gateway audits more."""

import re

import httpx2
from support.gateway_kit import TASK, Provider
from support.monitored import RUN, project
from support.rollouts import FAST, RIGHT, Registry, Says, ask, gateway, version
from support.waiting import eventually

from insource.cli.options import open_session
from insource.lifecycle.transitions import in_canary, promoted
from insource.logs.recorder import Recorder
from insource.store.deployments.audits import audits_of
from insource.store.deployments.registry import open_registry
from insource.workflow.monitor import monitor

WINDOW, SHARE = 50, 0.25
SECTION = FAST.model_copy(update={"audit_share": SHARE})


def audited(workspace):
    with open_registry(workspace) as registry:
        return {audit.call_id for audit in audits_of(registry, TASK.name)}


def send(server, count, text):
    """Send so many calls, and return their ids."""
    with httpx2.Client() as client:
        return [
            _send(client, f"{server.url}/chat/completions", f"{text} {n * 37 % 1000}") for n in range(count)
        ]


def _send(client, url, document):
    asked = {"model": TASK.name, "messages": [{"role": "user", "content": document}]}
    headers = client.post(url, json=asked, headers={"authorization": "Bearer sk-x"}).headers
    return headers["x-insource-call-id"]


def test_a_drift_is_alarmed_and_the_gateway_audits_every_answer_while_it_lasts(tmp_path):
    project(tmp_path, 'on_drift = "audit-more"', task=TASK.name, output=TASK.output, window=WINDOW)
    workspace = tmp_path / ".insource"
    registry = Registry(workspace)
    registry.move(lambda before, now: in_canary(before, version(RUN), 1.0, now))
    registry.move(promoted, "promoted")
    session = open_session(tmp_path / "insource.toml", {}, quiet=True)
    with (
        Provider() as provider,
        Recorder.open(workspace) as recorder,
        gateway(workspace, recorder, provider, {RUN: Says(RIGHT)}, SECTION) as server,
    ):
        eventually(lambda: ask(server, "Pump 1")[1]["route"] == "local")
        usual = send(server, 2 * WINDOW, "A pump of the usual kind, rated voltage")
        recorder.flush()
        (quiet,) = monitor(session).made
        assert quiet.version == f"{TASK.name}@{RUN}"
        assert not quiet.open
        drawn = len(audited(workspace) & set(usual)) / len(usual)
        assert drawn < 2 * SHARE

        send(server, WINDOW, "Eine Pumpe anderer Bauart laut Typenschild, Nennspannung")
        recorder.flush()
        (moved,) = monitor(session).made
        (alert,) = [alert for alert in moved.open if alert.signal == "inputs"]
        assert re.search(r"unknown words 0.0 % → \d\d", alert.what)
        assert registry.events[-1].kind == "alert"

        later = set(send(server, 60, "Eine Pumpe"))  # the first few may come before the gateway has read it
        eventually(lambda: len(audited(workspace) & later) >= 45)
    assert registry.now.champion == version(RUN)  # drift alone rolls nothing back
