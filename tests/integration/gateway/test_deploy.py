"""``insource deploy`` moves a running gateway: real processes, the official client, a cloud on loopback."""

import itertools
import json
import os
import signal
import subprocess
import sys

import openai
import pytest
from aiohttp import web
from support.child_python import TESTS, python_path
from support.fitted_models import LABELS, RUN, finished_run
from support.gateway_kit import Provider
from support.gateway_process import kill_with_drain, running
from support.rollouts import LADDER
from support.waiting import eventually

from insource.models.fitted.registry import save
from insource.store.deployments.audits import audits_of
from insource.store.deployments.registry import events, open_registry

CONFIG = """
[task]
name = "teams"
instruction = "Which team is this for?"

[reference]
model = "openai/big-cloud"
base_url = "{url}"

[upstreams.openai]
base_url = "{url}"
"""
CONFIG += LADDER
BILLING = "The invoice is wrong, I was charged twice."
MODULE = "support.fitted_models"
BAD = RUN.replace("abcdef", "bad000")


@pytest.fixture
def provider():
    """A cloud that says billing."""

    async def billing(request):
        message = {"role": "assistant", "content": "billing"}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        document = {"id": "c", "object": "chat.completion", "created": 1, "model": "big-cloud-2026"}
        usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
        return web.json_response(document | {"choices": [choice], "usage": usage})

    with Provider(answer=billing) as cloud:
        yield cloud


@pytest.fixture
def folder(tmp_path, provider):
    """A project with a good run, and a worse one that is surely wrong."""
    (tmp_path / "insource.toml").write_text(CONFIG.format(url=provider.url))
    result = finished_run(tmp_path / ".insource")
    worse(tmp_path / ".insource", result)
    return tmp_path


def worse(workspace, result):
    from insource.models.fitted.keyword import KeywordModel

    files = "20260101T000000Z-fit-bad000/model"
    words = {"billing": {}, "delivery": {"invoice": 9.0}, "technical": {}}
    save(KeywordModel(words), workspace / "runs" / files)
    served = result.served.model_copy(update={"folder": files})
    bad = result.model_copy(update={"run_id": BAD, "served": served})
    there = workspace / "runs" / BAD
    there.mkdir()
    (there / "result.json").write_text(bad.model_dump_json())
    manifest = json.loads((workspace / "runs" / RUN / "manifest.json").read_text())
    (there / "manifest.json").write_text(json.dumps(manifest | {"run_id": BAD}))


@pytest.fixture
def environment():
    return {"PYTHONPATH": python_path(TESTS)["PYTHONPATH"]}


@pytest.fixture
def insource(folder, environment):
    def run(*arguments, fails=False):
        done = subprocess.run(
            [sys.executable, "-m", MODULE, *arguments],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def asking(gateway):
    return openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="sk-callers", max_retries=0)


def chat(client, document=BILLING):
    reply = client.chat.completions.with_raw_response.create(
        model="teams", messages=[{"role": "user", "content": document}]
    )
    return reply.parse().choices[0].message.content, reply.headers


def until(client, true):
    """Send calls until it is true; the gateway decides in its own time."""
    count = itertools.count()

    def asked():
        chat(client, f"{BILLING} {next(count)}")
        return true()

    eventually(asked)


def kinds(folder):
    with open_registry(folder / ".insource") as registry:
        return [one.kind for one in events(registry, "teams")]


def audited(folder):
    with open_registry(folder / ".insource") as registry:
        return len(audits_of(registry, "teams"))


def test_a_version_goes_from_shadow_to_all_calls_and_a_bad_one_is_withdrawn(
    folder, environment, provider, insource
):
    assert "newest run" in insource("deploy", "status")
    assert "in shadow" in insource("deploy", "shadow", RUN)
    with running(folder, environment, MODULE) as gateway, asking(gateway) as client:
        text, headers = chat(client)
        assert (text, headers["x-insource-reason"]) == ("billing", "in-shadow")
        eventually(lambda: audited(folder) == 1)
        assert "0 of 1 answers" in insource("deploy", "status")
        assert "50% of the calls" in insource("deploy", "canary")
        until(client, lambda: "promoted" in kinds(folder))
        eventually(lambda: chat(client)[1]["x-insource-version"] == f"teams@{RUN}")

        refused = insource("deploy", "promote", BAD, fails=True)
        assert "not shown to be safe" in refused
        insource("deploy", "canary", BAD)
        until(client, lambda: kinds(folder)[-1] == "rolled-back")
        eventually(lambda: {chat(client, f"{BILLING} {i}")[0] for i in range(9)} == {"billing"})
        assert "cooling-down" in insource("deploy", "canary", BAD, fails=True)
    assert kinds(folder) == ["shadow", "canary", "advanced", "promoted", "canary", "rolled-back"]


def test_what_is_deployed_survives_a_kill_and_the_next_gateway_goes_on(
    folder, environment, provider, insource
):
    insource("deploy", "canary", RUN, "--share", "1")
    with running(folder, environment, MODULE) as gateway, asking(gateway) as client:
        assert chat(client)[1]["x-insource-version"] == f"teams@{RUN}"
        eventually(lambda: audited(folder) == 1)
        kill_with_drain(gateway.pid)
    with running(folder, environment, MODULE) as gateway, asking(gateway) as client:
        assert chat(client)[1]["x-insource-version"] == f"teams@{RUN}"
        until(client, lambda: "promoted" in kinds(folder))
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0


def test_a_call_tells_its_story(folder, environment, provider, insource):
    insource("deploy", "canary", BAD, "--share", "1")
    with running(folder, environment, MODULE) as gateway, asking(gateway) as client:
        text, headers = chat(client)
        assert text == "delivery"
        eventually(lambda: audited(folder) == 1)
        doubtful = chat(client, "Hello?")[1]
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    told = insource("explain", headers["x-insource-call-id"])
    for part in ("local", "confident:", f"teams@{BAD}", "delivery", "also: big-cloud-2026", "1 of 1 fields"):
        assert part in told
    found = json.loads(insource("explain", doubtful["x-insource-call-id"], "--json"))
    assert found["call"]["route"]["reason"] == "low-confidence"
    assert found["call"]["route"]["local_answer"] in LABELS
    assert found["policy"]["threshold"] == 0.8
    assert found["event"]["kind"] == "canary"
    assert "call-not-found" in insource("explain", "nothing", fails=True)


def test_a_run_whose_files_changed_is_not_what_was_certified(folder, environment, provider, insource):
    insource("deploy", "canary", RUN, "--share", "1")
    result = folder / ".insource" / "runs" / RUN / "result.json"
    document = json.loads(result.read_text())
    document["routing"]["policy"]["threshold"] = 0.0001
    result.write_text(json.dumps(document))
    with running(folder, environment, MODULE) as gateway, asking(gateway) as client:
        assert chat(client)[1]["x-insource-route"] == "cloud"
        eventually(lambda: kinds(folder)[-1] == "guard-tripped")
    assert "is not what was deployed" in insource("deploy", "history")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("deploy", "promote"), "no-challenger"),
        (("deploy", "rollback"), "nothing-to-roll-back"),
        (("deploy", "shadow", "20990101"), "no-such-run"),
        (("deploy", "canary", RUN, "--arm", "nobody"), "no-such-arm"),
    ],
)
def test_a_mistake_is_told_with_what_to_type_next(insource, arguments, code):
    told = insource(*arguments, fails=True)
    assert code in told
    assert "Traceback" not in told


def test_a_canary_needs_a_cloud_and_a_decision_by_hand_does_not(folder, insource):
    config = folder / "insource.toml"
    config.write_text(config.read_text().replace('name = "teams"', 'name = "teams"\nprivacy = "local-only"'))
    config.write_text(config.read_text().replace("127.0.0.1", "192.0.2.1"))
    assert "no-cloud-to-compare" in insource("deploy", "canary", RUN, fails=True)
    assert RUN in insource("deploy", "promote", RUN, "--force")
    assert kinds(folder) == ["promoted"]


def without(folder, *lines):
    config = folder / "insource.toml"
    kept = [line for line in config.read_text().splitlines() if line not in lines]
    config.write_text("\n".join(kept))


def test_a_loss_that_audits_cannot_count_needs_a_stated_limit(folder, insource):
    result = folder / ".insource" / "runs" / RUN / "result.json"
    document = json.loads(result.read_text())
    document["routing"]["policy"]["loss"] = "cloud"
    result.write_text(json.dumps(document))
    without(folder, "slo = 0.2")
    told = insource("deploy", "canary", RUN, "--force", fails=True)
    assert "loss-not-audited" in told
    assert "rollout.slo" in told
    assert kinds(folder) == []
    config = folder / "insource.toml"
    config.write_text(config.read_text().replace("[rollout]", "[rollout]\nslo = 0.2"))
    insource("deploy", "canary", RUN)
    assert kinds(folder) == ["canary"]


def test_status_says_why_a_step_holds_without_audits_and_what_to_type(
    folder, environment, provider, insource
):
    without(folder, "audit_usd_per_day = inf")
    insource("deploy", "canary", RUN, "--share", "1")
    assert "no audits" not in insource("deploy", "status")
    with running(folder, environment, MODULE) as gateway, asking(gateway) as client:
        for i in range(4):
            chat(client, f"{BILLING} {i}")
        eventually(lambda: kinds(folder) == ["canary", "held"])
    told = insource("deploy", "status")
    assert "no audits    the price of the cloud's answers is unknown" in told
    assert "audit_usd_per_day = inf" in told
    assert "[prices.models]" in json.loads(insource("deploy", "status", "--json"))["no_audits"]
