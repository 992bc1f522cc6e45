"""Another spelling of a path is no way around the record, a key's task, its budget, or local-only."""

import http.client
import json
from contextlib import contextmanager
from decimal import Decimal

import pytest
from support.gateway_kit import WHOLE
from support.upstream_kit import RawUpstream, always, calls_of, reply

from insource.gateway.admission.keys import Access, KeyAdmitter, TaskRules
from insource.gateway.admission.ledger import KeyLedger
from insource.gateway.http.address import UpstreamSettings
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, PassThrough
from insource.logs.recorder import Recorder
from insource.store.keys import create_key, open_keys

SPELLINGS = [
    "/v1/ch%61t/completions",
    "/v1/chat/completions/",
    "/v1//chat/completions",
    "/v1/chat%2Fcompletions",
    "/v1/Chat/Completions",
    "/u/openai/ch%61t/completions",
    "/u/openai/api/v1/chat/completions",
]
NOWHERE = ["/v1/files/../chat/completions", "/v1/ch%2561t/completions", "/v1/files/%2e%2e/chat/completions"]
ASK = json.dumps({"model": "toy", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}).encode()


def price(model, usage, at):
    return Decimal("0.01")


@pytest.fixture
def upstream():
    with RawUpstream(always(reply(WHOLE))) as running:
        yield running


@contextmanager
def gateway(folder, upstream, *, privacy=None, elsewhere=False):
    """A gateway that knows keys and tasks; ``elsewhere`` has it believe that the upstream is far away."""
    base = f"{upstream.root}/v1"
    ledger = KeyLedger(folder)
    admitter = KeyAdmitter(
        ledger,
        rules=TaskRules(privacy or {}),
        upstreams={"openai": Access("https://far.away/v1" if elsewhere else base)},
        price=price,
        require_key=False,
        environment={},
    )
    through = PassThrough(upstreams=(UpstreamSettings(name="openai", base_url=base),), admission=admitter)
    with Recorder.open(folder) as recorder:
        settings = GatewaySettings(recorder=recorder, pass_through=through, price=price)
        with GatewayServer(settings) as server:
            yield server, recorder
    ledger.close()


def post(server, path, **headers):
    """As it is spelled: a usual client would tidy the path up."""
    connection = http.client.HTTPConnection(server.url.split("/")[2], timeout=20)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, ASK, {"content-type": "application/json"} | headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_every_spelling_is_on_record_and_travels_as_it_came(tmp_path, upstream):
    with gateway(tmp_path, upstream) as (server, recorder):
        for spelling in SPELLINGS:
            assert post(server, spelling) == (200, WHOLE)
            path = spelling.removeprefix("/u/openai").removeprefix("/v1")
            assert upstream.seen[-1].target == f"/v1{path}"
        calls = calls_of(recorder)
    assert [call.endpoint for call in calls] == ["chat"] * len(SPELLINGS)
    assert {(call.usage.output_tokens, call.response_text) for call in calls} == {(5, '{"voltage":"400 V"}')}


def test_what_different_servers_may_read_differently_is_refused_and_on_record(tmp_path, upstream):
    with gateway(tmp_path, upstream) as (server, recorder):
        for spelling in NOWHERE:
            status, body = post(server, spelling)
            assert (status, json.loads(body)["error"]["code"]) == (404, "unknown-route")
        calls = calls_of(recorder)
    assert [call.outcome for call in calls] == ["error"] * len(NOWHERE)
    assert upstream.seen == []


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_loosens_a_key_or_a_budget(tmp_path, upstream, spelling):
    with open_keys(tmp_path) as keys:
        _, bound = create_key(keys, "bound", tasks=("specs",))
        _, poor = create_key(keys, "poor", budget_usd=Decimal("0.001"))
    with gateway(tmp_path, upstream) as (server, _):
        assert post(server, spelling, authorization=f"Bearer {bound}", x_insource_task="mails")[0] == 403
        assert post(server, spelling, authorization=f"Bearer {poor}")[0] == 429
    assert upstream.seen == []


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_takes_a_local_only_task_away(tmp_path, upstream, spelling):
    with gateway(tmp_path, upstream, privacy={"medical": "local-only"}, elsewhere=True) as (server, _):
        assert post(server, spelling, x_insource_task="medical")[0] == 403
        assert post(server, f"/t/medical{spelling}")[0] == 403
        assert post(server, spelling)[0] == 403
    assert upstream.seen == []
