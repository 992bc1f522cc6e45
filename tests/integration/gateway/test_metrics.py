"""What Prometheus scrapes from a running gateway."""

import re
from datetime import UTC, datetime

import httpx2
import pytest
from support.gateway_kit import POLICY, SURE, TASK, UNSURE, Local, confidence

from insource.gateway.metrics import exposition
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, TaskSettings
from insource.store.deployments.checks import add_check
from insource.store.deployments.registry import FILE_NAME, open_registry
from insource.types import Estimate
from insource.types.monitoring import Alert, AuditedAgreement, Check, InputDrift, Quality, Window

AT = datetime(2026, 11, 1, tzinfo=UTC)
ALERT = Alert(
    alert_id="a", task="specs", key='inputs "x"\\\n', signal="inputs", since=AT, at=AT, what="w",
    next_command="insource monitor report",
)  # fmt: skip
CHECK = Check(
    task="specs",
    version="v1",
    at=AT,
    window=Window(source="calls", calls=500),
    inputs=InputDrift(auroc=Estimate(value=0.75), p_value=0.001, permutations=999, alpha=0.01),
    quality=Quality(
        estimate=Estimate(value=0.9), target=0.95, calibrated=False, counts="documents", alpha=0.01
    ),
    agreement=AuditedAgreement(wrong=Estimate(value=0.02, n=50), bound=0.05, log_evidence=None, above=False),
    alerts=(ALERT,),
)
SAMPLE = re.compile(r'^(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\} (\S+)$')


def samples(text):
    """Read the exposition format; every line is a comment or a sample."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found[name, labels] = float(value)
    return found


@pytest.fixture
def scraped(recorder):
    own = TaskSettings(task=TASK, policy=POLICY, confidence=confidence, local=Local())
    with GatewayServer(GatewaySettings(recorder=recorder, tasks=(own,))) as server:
        base = server.url.removesuffix("/v1")

        def scrape(*documents):
            for document in documents:
                asked = {"model": "specs", "messages": [{"role": "user", "content": document}]}
                httpx2.post(f"{server.url}/chat/completions", json=asked)
            answer = httpx2.get(f"{base}/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            return samples(answer.text)

        yield scrape


def test_calls_are_counted_by_reason(scraped):
    found = scraped(SURE, SURE, UNSURE)
    assert found["insource_calls_total", 'task="specs",reason="confident"'] == 2
    assert found["insource_calls_total", 'task="specs",reason="no-cloud"'] == 1
    assert found["insource_engine_alive", 'task="specs"'] == 1
    assert not [name for name, _ in found if name.startswith("insource_monitor")]


def test_the_newest_check_of_the_monitor_is_there(scraped, tmp_path):
    with open_registry(tmp_path) as registry:
        add_check(registry, CHECK.model_copy(update={"alerts": ()}))
        add_check(registry, CHECK)
    found = scraped()
    of = 'task="specs",version="v1"'
    assert found["insource_monitor_input_auroc", of] == 0.75
    assert found["insource_monitor_audited_wrong", of] == 0.02
    assert found["insource_monitor_checked_seconds", of] == AT.timestamp()
    assert found["insource_monitor_alert", f'{of},signal="inputs",key="inputs \\"x\\"\\\\\\n"'] == 1
    assert ("insource_monitor_estimated_right", of) not in found  # an index is no share


def test_a_registry_that_cannot_be_read_fails_no_scrape(scraped, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    assert scraped(SURE)["insource_calls_total", 'task="specs",reason="confident"'] == 1


def test_without_tasks_there_is_nothing():
    assert exposition({}, ()) == b""
