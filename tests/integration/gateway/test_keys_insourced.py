"""Virtual keys at a task that is answered here, and keys through ``insource gateway`` as typed."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from decimal import Decimal

import openai
import pytest
from support.gateway_kit import POLICY, SURE, TASK, UNSURE, Local, Provider, confidence

from insource.config.loading import validate
from insource.gateway.admission.ledger import KeyLedger
from insource.gateway.from_config import key_admitter, pass_through
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, HttpCloud, TaskSettings
from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.store.keys import create_key, open_keys, spend_of

SECRET = "grey-heron-reference-8812"
CENT = Decimal("0.01")


def price(model, usage, at):
    return CENT if model.startswith("big-cloud") else None


@pytest.fixture
def provider():
    with Provider() as provider:
        yield provider


@pytest.fixture
def keys(tmp_path):
    with open_keys(tmp_path) as database:
        yield database


@pytest.fixture
def insourced(provider, tmp_path, monkeypatch):
    monkeypatch.setenv("REFERENCE_KEY", SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", "another-provider-s-secret")

    @contextmanager
    def run(**sections):
        reference = {"base_url": provider.url, "api_key_env": "REFERENCE_KEY"}
        config = validate({"reference": reference, **sections}, "test")
        ledger = KeyLedger(tmp_path)
        admitter = key_admitter(config, ledger, price, exposed=False)
        with Recorder.open(tmp_path) as recorder:
            cloud = HttpCloud(model="big-cloud", base_url=provider.url)
            own = TaskSettings(task=TASK, policy=POLICY, local=Local(), cloud=cloud, confidence=confidence)
            settings = GatewaySettings(
                recorder=recorder,
                pass_through=pass_through(config, admitter),
                tasks=(own,),
                price=price,
            )
            with GatewayServer(settings) as server:
                yield server
        ledger.close()

    return run


def ask(url, key, document, model="insource/auto", **more):
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        messages = [{"role": "user", "content": document}]
        return client.chat.completions.create(model=model, messages=messages, max_tokens=50, **more)


def test_the_cloud_behind_a_task_gets_its_own_key_and_only_that(insourced, provider, keys):
    """Not the key of the upstream that the path alone would lead to, and never the caller's."""
    _, secret = create_key(keys, "team")
    with insourced() as server:
        ask(server.url, secret, UNSURE)
        ask(server.url, secret, UNSURE, model="gpt-something-else")
    assert [dict(seen.headers)["authorization"] for seen in provider.seen] == [f"Bearer {SECRET}"] * 2
    assert secret not in repr(provider.seen)


def test_what_is_answered_here_costs_a_budget_nothing(insourced, provider, keys):
    key, secret = create_key(keys, "team", budget_usd=2 * CENT)
    with insourced() as server:
        for _ in range(4):
            ask(server.url, secret, SURE)
        assert spend_of(keys, key).spent_usd == 0
        ask(server.url, secret, UNSURE)
        ask(server.url, secret, UNSURE)
        with pytest.raises(openai.RateLimitError):
            ask(server.url, secret, UNSURE)
    assert spend_of(keys, key).spent_usd == 2 * CENT
    assert len(provider.seen) == 2


def test_a_local_only_task_is_answered_here_and_never_escalated(insourced, keys, provider, tmp_path):
    _, bound = create_key(keys, "bound", tasks=("specs",))
    gateway = {"tasks": {"specs": {"privacy": "local-only"}}}
    elsewhere = {"base_url": "https://not.this.machine/v1", "api_key_env": "REFERENCE_KEY"}
    with insourced(gateway=gateway, reference=elsewhere) as server:
        assert ask(server.url, bound, SURE).choices[0].message.content == '{"voltage":"480 V"}'
        with pytest.raises(openai.PermissionDeniedError) as refused:
            ask(server.url, bound, SURE, model="gpt-4o")  # the task's cloud alone could answer that
        assert refused.value.code == "local-only"
        with pytest.raises(openai.PermissionDeniedError) as refused:
            ask(server.url, bound, SURE, extra_headers={"x-insource-task": "harmless"})
        assert refused.value.code == "task-not-allowed"
    assert provider.seen == []


@contextmanager
def typed(folder, **environment):
    """``insource gateway`` in a process of its own, until SIGTERM; yields its address and its output."""
    command = [sys.executable, "-m", "insource.cli.main", "gateway", "--port", "0"]
    log = folder / "stderr.txt"
    with log.open("w+") as stderr:
        process = subprocess.Popen(command, cwd=folder, stderr=stderr, env=os.environ | environment)
        try:
            while (found := re.search(r"Gateway on (\S+)", log.read_text())) is None:
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            yield found[1], log
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0


def test_insource_gateway_asks_for_the_keys_that_insource_keys_made(insource, project, provider):
    folder = project(
        config=f"""
[gateway]
require_key = true

[upstreams.openai]
base_url = "{provider.url}"
api_key_env = "PLANTED"
"""
    )
    secret = insource("keys", "create", "team", "--task", "specs").stdout.strip()
    with typed(folder, PLANTED=SECRET) as (url, log):
        ask(url, secret, "Hello", model="gpt-4o-mini")
        with pytest.raises(openai.AuthenticationError):
            ask(url, "blue-otter-caller-9023", "Hello", model="gpt-4o-mini")
        late = insource("keys", "create", "late", "--requests-per-minute", "1").stdout.strip()
        ask(url, late, "Hello", model="gpt-4o-mini")  # made while the gateway runs
        with pytest.raises(openai.RateLimitError):
            ask(url, late, "Hello", model="gpt-4o-mini")
    assert [dict(seen.headers)["authorization"] for seen in provider.seen] == [f"Bearer {SECRET}"] * 2
    with open_database(folder / ".insource" / "insource.db") as database:
        calls = find_calls(database)
    assert [call.status for call in calls] == [200, 401, 200, 429]
    assert (calls[0].task, calls[0].tags) == ("specs", {"key": "team"})
    files = [path for path in (folder / ".insource").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    for planted in (SECRET, "blue-otter-caller-9023", secret, late):
        assert not [path for path in (*files, log) if planted.encode() in path.read_bytes()]


def test_insource_gateway_does_not_open_to_others_without_a_key(refuses, project):
    project(config='[gateway]\nhost = "0.0.0.0"\n')
    said = refuses("gateway", "--port", "0", code="gateway-needs-key")
    assert "insource keys create" in said
