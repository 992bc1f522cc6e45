"""The admitter with real keys in a real file: who may call, with whose secret, for which task."""

import asyncio
import subprocess
from datetime import timedelta
from decimal import Decimal

import pytest
from support.admission import CENT, ENVIRONMENT, UPSTREAMS, a_cent_a_call, asked
from support.child_python import python_child

from insource.foundation.clock import SYSTEM
from insource.foundation.errors import PrerequisiteError
from insource.gateway.admission.keys import Access, KeyAdmitter, TaskRules, require_key_beyond_loopback
from insource.gateway.admission.ledger import REVOKED_AFTER_S, KeyLedger
from insource.gateway.http.refused import Refused
from insource.store.keys import FILE_NAME, create_key, open_keys, revoke_key, spend_of


class Moving:
    """A clock that is set by hand."""

    def __init__(self):
        self.later = timedelta()

    def now(self):
        return SYSTEM.now() + self.later

    def monotonic(self):
        return SYSTEM.monotonic() + self.later.total_seconds()


@pytest.fixture
def clock():
    return Moving()


@pytest.fixture
def ledger(tmp_path, clock):
    ledger = KeyLedger(tmp_path, clock=clock)
    yield ledger
    ledger.close()


@pytest.fixture
def keys(tmp_path):
    with open_keys(tmp_path) as database:
        yield database


@pytest.fixture
def admitter(ledger):
    def make(*, privacy=None, untagged="refuse", require_key=False):
        return KeyAdmitter(
            ledger,
            rules=TaskRules(privacy or {}, untagged),
            upstreams=UPSTREAMS,
            price=a_cent_a_call,
            require_key=require_key,
            environment=ENVIRONMENT,
        )

    return make


def admit(admitter, request):
    return asyncio.run(admitter.admit(request))


def refusal(admitter, request):
    with pytest.raises(Refused) as refused:
        admit(admitter, request)
    return refused.value


@pytest.mark.parametrize("header", [b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"])
def test_a_key_is_exchanged_for_the_upstream_s_secret(admitter, keys, header):
    _, secret = create_key(keys, "team")
    admission = admit(admitter(), asked(secret, header=header))
    assert admission.upstream_key.get_secret_value() == "sk-the-upstream-secret"
    assert admission.key_name == "team"
    assert "sk-the-upstream-secret" not in repr(admission)


def test_a_provider_key_passes_unless_a_key_of_ours_is_required(admitter, tmp_path):
    admission = admit(admitter(), asked("sk-the-caller-s-own"))
    assert (admission.upstream_key, admission.key_name) == (None, "")
    assert not (tmp_path / FILE_NAME).exists()  # nobody asked for keys, so there is no file of them
    refused = refusal(admitter(require_key=True), asked("sk-the-caller-s-own"))
    assert (refused.status, refused.code) == (401, "missing-key")


def test_an_unknown_or_second_key_is_refused_and_never_passed_on(admitter, keys):
    _, one = create_key(keys, "one")
    _, two = create_key(keys, "two")
    for request in (
        asked("isk-" + "A" * 43),
        asked("isk-"),
        asked(one, headers=[(b"authorization", f"Bearer {one}".encode()), (b"x-api-key", two.encode())]),
        asked(one, headers=[(b"authorization", f"Bearer {one}".encode()), (b"x-api-key", b"isk-guess")]),
    ):
        refused = refusal(admitter(), request)
        assert (refused.status, refused.code) == (401, "invalid_api_key")
        assert "isk-" not in refused.message


def test_a_revoked_key_is_out_within_a_second(admitter, keys, clock):
    _, secret = create_key(keys, "team")
    ours = admitter()
    admit(ours, asked(secret))
    revoke_key(keys, "team")
    clock.later = timedelta(seconds=REVOKED_AFTER_S)
    assert refusal(ours, asked(secret)).code == "invalid_api_key"


def test_a_key_stays_with_its_upstream_and_an_upstream_with_its_secret(admitter, keys):
    _, bound = create_key(keys, "bound", upstream="openai")
    _, free = create_key(keys, "free")
    assert refusal(admitter(), asked(bound, upstream="here")).code == "upstream-not-allowed"
    # An upstream without a secret would get the virtual key, or none: neither is sent.
    for upstream in ("anthropic", "open"):
        refused = refusal(admitter(), asked(free, upstream=upstream))
        assert (refused.status, refused.code) == (503, "upstream-key-missing")
    assert "isk-" not in admit(admitter(), asked(free, upstream="here")).upstream_key.get_secret_value()
    assert admit(admitter(), asked(bound, upstream="")).upstream_key is None  # answered here


def test_headers_cannot_loosen_the_task_a_key_is_bound_to(admitter, keys):
    _, one = create_key(keys, "one", tasks=("specs",))
    _, two = create_key(keys, "two", tasks=("specs", "mails"))
    assert admit(admitter(), asked(one)).task == "specs"
    assert admit(admitter(), asked(one, task="specs")).task == "specs"
    assert admit(admitter(), asked(two, task="mails")).task == "mails"
    for request in (asked(one, task="mails"), asked(two, task="other"), asked(two)):
        refused = refusal(admitter(), request)
        assert (refused.status, refused.code) == (403, "task-not-allowed")
    bare = asked(two, method="GET", path="/v1/models", body=b"", document=None, endpoint="", model="")
    assert admit(admitter(), bare).key_name == "two"


PRIVACY = {"medical": "local-only", "news": "cloud-allowed"}


def test_a_local_only_task_does_not_leave(admitter, keys):
    ours = admitter(privacy=PRIVACY)
    for request in (asked(task="medical"), asked(create_key(keys, "m", tasks=("medical",))[1])):
        refused = refusal(ours, request)
        assert (refused.status, refused.code) == (403, "local-only")
    assert admit(ours, asked(task="medical", local=True)).local_only
    assert admit(ours, asked(task="medical", upstream="here")).local_only
    assert admit(ours, asked(task="medical", upstream="")).local_only
    assert not admit(ours, asked(task="news")).local_only


def test_where_a_task_is_local_only_a_call_has_to_name_a_listed_one(admitter, keys):
    ours = admitter(privacy=PRIVACY)
    _, any_task = create_key(keys, "any")
    for request in (asked(), asked(task="medicla"), asked(any_task), asked(any_task, task="other")):
        refused = refusal(ours, request)
        assert (refused.status, refused.code) == (403, "task-required")
    bare = {"body": b"", "document": None, "endpoint": ""}  # an upload's body is not read before it is sent
    assert not admit(ours, asked(method="GET", **bare)).local_only
    assert refusal(ours, asked(method="POST", path="/v1/files", **bare)).code == "task-required"
    for framing in ((b"content-length", b"20"), (b"transfer-encoding", b"chunked")):
        assert refusal(ours, asked(method="GET", headers=[framing], **bare)).code == "task-required"
    assert not admit(admitter(privacy=PRIVACY, untagged="allow"), asked()).local_only
    assert refusal(admitter(privacy=PRIVACY, untagged="allow"), asked(task="medical")).code == "local-only"
    assert not admit(admitter(privacy={"news": "cloud-allowed"}), asked()).local_only
    assert admit(ours, asked(upstream="here")).local_only  # whatever it is about, it stays here


def test_money_is_held_for_the_call_and_settled_with_its_cost(admitter, keys):
    key, secret = create_key(keys, "team", budget_usd=2 * CENT, budget_per="month")
    ours = admitter()

    async def calls():
        first, second = await ours.admit(asked(secret)), await ours.admit(asked(secret))
        with pytest.raises(Refused) as refused:
            await ours.admit(asked(secret))
        await first.settle(CENT / 4)
        await second.settle(Decimal(0))  # nothing was sent
        await (await ours.admit(asked(secret))).settle(None)  # nobody knows, so all that was held
        return refused.value

    refused = asyncio.run(calls())
    assert (refused.status, refused.code) == (429, "insufficient_quota")
    headers = dict(refused.headers)
    assert headers[b"x-should-retry"] == b"false"
    assert 0 < int(headers[b"retry-after"]) <= 31 * 24 * 3600
    assert spend_of(keys, key).spent_usd == CENT / 4 + CENT
    assert spend_of(keys, key).reserved_usd == 0


def test_a_budget_that_never_comes_back_names_no_time(admitter, keys):
    _, secret = create_key(keys, "team", budget_usd=CENT / 2)
    assert b"retry-after" not in dict(refusal(admitter(), asked(secret)).headers)


def test_a_call_to_a_regional_endpoint_reserves_its_dearer_price(ledger, keys):
    eu = {"eu": Access("https://eu.api.openai.com/v1", "OPENAI_API_KEY")}
    ours = KeyAdmitter(
        ledger,
        rules=TaskRules({}),
        upstreams=UPSTREAMS | eu,
        price=lambda model, usage, at: CENT,
        require_key=True,
        environment=ENVIRONMENT,
    )
    for upstream, reserved in (("openai", CENT), ("eu", CENT * Decimal("1.1"))):
        key, secret = create_key(keys, upstream, budget_usd=Decimal(1))
        admit(ours, asked(secret, upstream=upstream, model="gpt-5.4"))
        assert spend_of(keys, key).reserved_usd == reserved


def test_a_call_without_a_price_is_not_charged_to_a_budget(admitter, keys):
    _, secret = create_key(keys, "team", budget_usd=Decimal(50), requests_per_minute=1)
    refused = refusal(admitter(), asked(secret, model="unheard-of"))
    assert (refused.status, refused.code) == (400, "cost-unbounded")
    assert "unheard-of" in refused.message
    admit(admitter(), asked(secret))  # the refused call has not used the minute's one request


def test_too_many_requests_are_told_when_to_come_back(admitter, keys, clock):
    _, secret = create_key(keys, "team", requests_per_minute=2)
    ours = admitter()
    admit(ours, asked(secret))
    admit(ours, asked(secret))
    refused = refusal(ours, asked(secret))
    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert b"x-should-retry" not in dict(refused.headers)
    clock.later = timedelta(seconds=int(dict(refused.headers)[b"retry-after"]))
    admit(ours, asked(secret))


def test_calls_at_once_are_admitted_no_more_than_the_budget(admitter, keys):
    key, secret = create_key(keys, "team", budget_usd=31 * CENT)
    ours = admitter()

    async def calls():
        return await asyncio.gather(*(ours.admit(asked(secret)) for _ in range(200)), return_exceptions=True)

    answers = asyncio.run(calls())
    assert sum(not isinstance(answer, Refused) for answer in answers) == 31
    assert {answer.code for answer in answers if isinstance(answer, Refused)} == {"insufficient_quota"}
    assert spend_of(keys, key).reserved_usd == 31 * CENT


def test_a_caller_that_hangs_up_while_asking_gets_its_money_back(admitter, keys, ledger):
    key, secret = create_key(keys, "team", budget_usd=Decimal(50))
    ours = admitter()

    async def calls():
        await ours.admit(asked(secret))  # from here on the key is known
        with keys.write():  # whoever asks now has to wait
            waiting = asyncio.ensure_future(ours.admit(asked(secret)))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        for _ in range(200):
            await asyncio.sleep(0.02)
            if spend_of(keys, key).reserved_usd == CENT:
                return
        pytest.fail(f"{spend_of(keys, key)}")

    asyncio.run(calls())


def test_without_its_counters_no_limited_call_goes_ahead(admitter, keys, tmp_path, ledger):
    _, secret = create_key(keys, "team", budget_usd=Decimal(50))
    (tmp_path / FILE_NAME).write_bytes(b"this is no database" * 100)
    (tmp_path / f"{FILE_NAME}-wal").unlink(missing_ok=True)
    refused = refusal(admitter(), asked(secret))
    assert (refused.status, refused.code) == (503, "keys-unavailable")
    assert secret not in refused.message


PROCESS = """
import asyncio, json, sys
from pathlib import Path
from support.admission import CENT, ENVIRONMENT, UPSTREAMS, a_cent_a_call, asked
from insource.gateway.http.refused import Refused
from insource.gateway.admission.keys import KeyAdmitter, TaskRules
from insource.gateway.admission.ledger import KeyLedger
from insource.store.keys import open_keys, spend_of

async def main():
    ledger = KeyLedger(Path(sys.argv[1]))
    ours = KeyAdmitter(ledger, rules=TaskRules({}), upstreams=UPSTREAMS, price=a_cent_a_call,
                       require_key=True, environment=ENVIRONMENT)
    keys, key = open_keys(Path(sys.argv[1])), await ledger.find(sys.argv[2])
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

    async def caller():
        admitted = 0
        while spend_of(keys, key).spent_usd < 199 * CENT / 2:
            try:
                admission = await ours.admit(asked(sys.argv[2]))
            except Refused:
                await asyncio.sleep(0.01)  # others may yet settle for less than they hold
                continue
            admitted += 1
            await asyncio.sleep(0.001)
            await admission.settle(CENT / 2)
        return admitted

    print(sum(await asyncio.gather(*(caller() for _ in range(20)))), flush=True)
    ledger.close()

asyncio.run(main())
"""


def test_two_gateways_on_one_store_admit_no_more_than_the_budget(keys, tmp_path):
    key, secret = create_key(keys, "team", budget_usd=100 * CENT)
    child = python_child(PROCESS, tmp_path, secret)
    child |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(**child) as one, subprocess.Popen(**child) as other:
        for process in (one, other):
            assert process.stdout.readline() == "ready\n"
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        admitted = [int(process.stdout.readline()) for process in (one, other)]
    # Forty callers, each call half a cent, held at a whole one: after 199, the next might not fit.
    assert sum(admitted) == 199
    assert spend_of(keys, key).spent_usd == 199 * CENT / 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example"])
def test_beyond_loopback_there_has_to_be_a_key(ledger, keys, host):
    with pytest.raises(PrerequisiteError) as refused:
        require_key_beyond_loopback(host, ledger)
    assert refused.value.code == "gateway-needs-key"
    assert "insource keys create" in refused.value.hint
    create_key(keys, "team")
    assert require_key_beyond_loopback(host, ledger) is True
    revoke_key(keys, "team")
    with pytest.raises(PrerequisiteError):
        require_key_beyond_loopback(host, ledger)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_nobody_needs_one(ledger, host):
    assert require_key_beyond_loopback(host, ledger) is False
