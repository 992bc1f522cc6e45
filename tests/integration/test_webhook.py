"""What a webhook gets, and what becomes of one that hangs, refuses or redirects."""

import json
import time
from datetime import UTC, datetime

import pytest
from support.webhooks import Hook, answers, drips, hangs

from insource.lifecycle.monitoring.webhook import deliver, signature
from insource.types.monitoring import Alert

AT = datetime(2026, 11, 1, tzinfo=UTC)
ALERT = Alert(
    alert_id="a1", task="specs", key="inputs", signal="inputs", since=AT, at=AT,
    what="Documents differ", next_command="insource monitor report",
)  # fmt: skip
LIMIT_S = 0.5
SLACK_S = 2.0


def send(hook, secret="s3cret"):
    return deliver(hook.url, [ALERT], secret=secret, timeout_s=LIMIT_S)


def test_it_gets_the_alert_signed_over_time_and_body():
    with Hook(answers(204)) as hook:
        assert send(hook) == ""
    ((headers, body),) = hook.got
    (told,) = json.loads(body)["alerts"]
    assert (told["alert_id"], told["what"], told["may_roll_back"]) == ("a1", "Documents differ", False)
    assert headers["x-insource-signature"] == signature(body, headers["x-insource-timestamp"], "s3cret")
    assert headers["x-insource-signature"] != signature(body, "0", "s3cret")
    assert abs(int(headers["x-insource-timestamp"]) - time.time()) < 60


def test_a_webhook_on_this_machine_is_told_past_every_proxy(monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Hook(answers(204)) as proxy, Hook(answers(204)) as hook:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert send(hook) == ""
    assert (len(hook.got), len(proxy.got)) == (1, 0)


def test_without_a_secret_nothing_is_signed():
    with Hook(answers(200)) as hook:
        send(hook, secret="")
    assert "x-insource-signature" not in hook.got[0][0]


@pytest.mark.parametrize("behave", [hangs, drips], ids=["hangs", "drips"])
def test_a_webhook_that_hangs_is_left_after_the_limit_and_said(behave):
    with Hook(behave) as hook:
        started = time.monotonic()
        said = send(hook)
        assert time.monotonic() - started < LIMIT_S + SLACK_S
    assert said


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (answers(500), "the webhook answered with status 500"),
        (answers(302, "location: http://127.0.0.1:9/\r\n"), "the webhook answered with status 302"),
    ],
)
def test_a_webhook_that_does_not_accept_is_said(behave, said):
    with Hook(behave) as hook:
        assert send(hook) == said
    assert len(hook.got) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://[::1/", "not a url", "ftp://x/"])
def test_an_address_that_cannot_be_reached_is_said(url):
    assert "cannot be reached" in deliver(url, [ALERT], secret="", timeout_s=LIMIT_S)
