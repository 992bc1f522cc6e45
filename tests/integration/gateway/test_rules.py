"""Tasks that were discovered and kept: the running gateway gives new calls without a task theirs."""

import json
import signal

import httpx2
import pytest
from support.gateway_kit import WHOLE
from support.gateway_process import WAIT_S, configure, recorded, running
from support.upstream_kit import RawUpstream, always, reply

from insource.config.sections import Config
from insource.gateway.from_config import pass_through
from insource.logs.discovery import Rules, TaskRule, save_rules

SYSTEM = "You read invoices. Return vendor and total as JSON."
CITIES = (
    "Amsterdam", "Bergen", "Cork", "Dresden", "Essen", "Faro", "Gent", "Hull",
    "Izmir", "Jena", "Kiel", "Linz", "Metz", "Nancy", "Oslo",
)  # fmt: skip


@pytest.fixture
def upstream():
    with RawUpstream(always(reply(WHOLE))) as running_upstream:
        yield running_upstream


def invoice(number, system=SYSTEM):
    total = f"{number * 13 + 5}.{number % 90 + 10} EUR"
    said = f"{CITIES[number % 15]} Works no. {4000 + 7 * number}, total due {total}"
    messages = [{"role": "system", "content": system}, {"role": "user", "content": said}]
    return {"model": "gpt-4o-mini", "messages": messages}


def ask(root, body, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["content-type"] = "application/json"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = f"{root}/v1/chat/completions"
    return httpx2.post(url, content=content, headers=headers, trust_env=False, timeout=WAIT_S)


def rules_of(folder, **tasks):
    """A rule file with a task a system prompt."""
    workspace = folder / ".insource"
    workspace.mkdir(exist_ok=True)
    rules = [
        TaskRule(task=task, fingerprint="any", segments=(f"\x02s {system} \x02u",))
        for task, system in tasks.items()
    ]
    save_rules(workspace / "tasks.toml", Rules(rule=tuple(rules)))


def test_what_was_discovered_and_kept_tags_the_calls_that_follow(tmp_path, upstream, insource):
    """The whole story: untagged calls, `discover --apply`, SIGHUP, and the next calls have their task."""
    configure(tmp_path, upstream)
    with running(tmp_path) as gateway:
        for number in range(30):
            assert ask(gateway.root, invoice(number)).status_code == 200
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    assert {call.task for call in recorded(tmp_path)} == {""}
    with running(tmp_path) as gateway:
        done = insource("logs", "discover", "--apply")
        assert "Tagged 30 calls" in done.stdout, done.stdout
        assert "SIGHUP" in done.stdout
        ask(gateway.root, invoice(31))  # not yet
        gateway.send(signal.SIGHUP)
        gateway.said("Read the configuration again")
        ask(gateway.root, invoice(32))
        ask(gateway.root, invoice(33), x_insource_task="my-own")
        ask(gateway.root, invoice(34, system="Tell a joke."))
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    tasks = [call.task for call in sorted(recorded(tmp_path), key=lambda call: call.started_at)]
    (found,) = set(tasks[:30])
    assert tasks[30:] == ["", found, "my-own", ""]
    tags = [call.tags for call in sorted(recorded(tmp_path), key=lambda call: call.started_at)]
    assert tags[30:] == [{}, {"task_by": "rule"}, {}, {}]
    assert all(b"insource" not in asked.body for asked in upstream.seen)


def test_a_rule_binds_and_never_frees(tmp_path, upstream):
    """A rule's task is a guess: it keeps a call here, and opens no door that untagged ones find shut."""
    rules_of(tmp_path, medical="You read findings.", invoices=SYSTEM)
    tasks = """
[gateway.tasks.medical]
privacy = "local-only"
[gateway.tasks.invoices]
privacy = "cloud-allowed"
"""
    far = '[upstreams.far]\nbase_url = "https://models.invalid/v1"\n'
    findings = invoice(1, system="You read findings.")

    def statuses(untagged, body):
        configure(tmp_path, upstream, f'{far}[gateway]\nuntagged = "{untagged}"\n{tasks}')
        with running(tmp_path) as gateway:
            url = gateway.root + "/u/far"
            answers = [ask(url, body), ask(url, body, x_insource_task="invoices"), ask(gateway.root, body)]
            gateway.send(signal.SIGTERM)
            assert gateway.ended() == 0
        return [(one.status_code, one.json().get("error", {}).get("code")) for one in answers]

    refused, nobody_there = (403, "task-required"), (502, "upstream-unreachable")
    # Untagged calls are refused: that a rule knows a task that may leave changes nothing.
    assert statuses("refuse", invoice(1)) == [refused, nobody_there, (200, None)]
    # They are allowed: those that a rule knows as local-only are not, unless the caller says otherwise.
    assert statuses("allow", findings) == [(403, "local-only"), nobody_there, (200, None)]
    assert statuses("allow", invoice(1))[0] == nobody_there
    # Of a prompt that cannot be read nobody knows whether it may leave.
    for unread in (b"\xef\xbb\xbf" + json.dumps(findings).encode(), b'{"messages": [{"role": "sys'):
        assert statuses("allow", unread)[:2] == [refused, nobody_there]


def test_a_rule_s_task_of_which_only_metadata_is_kept(tmp_path, upstream):
    rules_of(tmp_path, invoices=SYSTEM)
    configure(tmp_path, upstream, '[log]\nmetadata_only = ["invoices"]\n')
    with running(tmp_path) as gateway:
        ask(gateway.root, invoice(1))
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    (call,) = recorded(tmp_path)
    assert (call.task, call.request, call.response_text) == ("invoices", {"redaction": "metadata-only"}, "")
    assert call.usage.output_tokens == 5
    kept = b"".join(path.read_bytes() for path in (tmp_path / ".insource").rglob("*") if path.is_file())
    assert b"Bergen Works" not in kept


def test_rules_that_cannot_be_read_are_reported_and_the_old_ones_hold(tmp_path, upstream):
    rules_of(tmp_path, invoices=SYSTEM)
    configure(tmp_path, upstream)
    with running(tmp_path) as gateway:
        (tmp_path / ".insource" / "tasks.toml").write_text("[[rule]]\ntask = 5\n")
        gateway.send(signal.SIGHUP)
        assert "is invalid" in gateway.said("error:")
        ask(gateway.root, invoice(1))
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0
    assert [call.task for call in recorded(tmp_path)] == ["invoices"]


def test_a_template_that_was_redacted_fits_what_was_not(tmp_path):
    rules_of(tmp_path, mails="Write to [email:kfbhnqdt] with [secret:openai-key] only.")
    task_of = pass_through(Config(), workspace=tmp_path / ".insource").task_of
    said = "Write to jo@example.com with sk-0123456789abcdefghij only."
    assert task_of(invoice(1, system=said)) == "mails"
    assert task_of(invoice(1, system="Write to nobody.")) == ""


def test_without_rules_nothing_is_looked_for(tmp_path):
    assert pass_through(Config(), workspace=tmp_path).task_of is None
