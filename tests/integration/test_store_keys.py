"""Virtual keys in a real SQLite file: secrets hashed, limits exact for threads and for processes."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from insource.foundation.errors import UserError
from insource.store.key_limits import reserve, settle
from insource.store.keys import (
    Exhausted,
    Granted,
    Spend,
    create_key,
    digest_of,
    find_key,
    has_active_key,
    list_keys,
    open_keys,
    revoke_key,
    spend_of,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CENT = Decimal("0.01")


class Fixed:
    def __init__(self, now=NOON):
        self._now = now

    def now(self):
        return self._now

    def monotonic(self):
        return 0.0


@pytest.fixture
def keys(tmp_path):
    with open_keys(tmp_path / "workspace") as database:
        yield database


def test_the_secret_opens_its_key_and_is_written_nowhere(keys, tmp_path):
    key, secret = create_key(keys, "team", tasks=("specs",), upstream="openai", budget_usd=Decimal(50))
    assert secret.startswith("isk-")
    assert len(secret) == 4 + 43  # 256 bits in base64
    with keys.write_raw() as connection:
        assert find_key(connection, digest_of(secret)) == key
        assert find_key(connection, digest_of(secret + "A")) is None
        assert find_key(connection, digest_of("isk-\udcff")) is None
    written = b"".join(path.read_bytes() for path in (tmp_path / "workspace").iterdir())
    assert b"team" in written
    assert secret.encode() not in written
    assert secret[4:].encode() not in written


def test_a_digest_that_only_begins_alike_does_not_open_the_key(keys):
    """The id is the beginning of the digest; the rest has to agree as well."""
    _, secret = create_key(keys, "team")
    with keys.write_raw() as connection:
        (digest,) = connection.execute("SELECT digest FROM virtual_keys").fetchone()
        forged = digest[:-1] + ("0" if digest[-1] != "0" else "1")
        connection.execute("UPDATE virtual_keys SET digest = ?", (forged,))
        assert find_key(connection, digest_of(secret)) is None


def test_a_revoked_key_is_out_and_its_name_free_again(keys):
    key, secret = create_key(keys, "team")
    assert has_active_key(keys)
    with pytest.raises(UserError) as refused:
        create_key(keys, "team")
    assert refused.value.code == "key-exists"
    assert revoke_key(keys, "team").revoked_at is not None
    with keys.write_raw() as connection:
        assert find_key(connection, digest_of(secret)) is None
    assert not has_active_key(keys)
    with pytest.raises(UserError) as refused:
        revoke_key(keys, key.key_id)
    assert refused.value.code == "unknown-key"
    again, _ = create_key(keys, "team")
    assert revoke_key(keys, again.key_id).key_id == again.key_id
    assert [one.name for one in list_keys(keys)] == ["team", "team"]


def test_the_files_are_their_owner_s(keys, tmp_path):
    create_key(keys, "team")
    folder = tmp_path / "workspace"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def take(keys, key, worst, now=NOON):
    with keys.write_raw() as connection:
        return reserve(connection, key, worst, now)


def give(keys, granted, cost):
    with keys.write_raw() as connection:
        settle(connection, granted, cost)


def test_money_is_held_before_the_call_and_settled_after_it(keys):
    key, _ = create_key(keys, "team", budget_usd=10 * CENT)
    first, second = take(keys, key, 6 * CENT), take(keys, key, 4 * CENT)
    assert isinstance(first, Granted)
    assert isinstance(second, Granted)
    assert take(keys, key, CENT) == Exhausted(limit="budget", retry_after_s=None)
    assert spend_of(keys, key) == Spend(spent_usd=Decimal(0), reserved_usd=10 * CENT)
    give(keys, first, 2 * CENT)  # four cents come back
    give(keys, second, None)  # nobody knows: all four count
    assert spend_of(keys, key) == Spend(spent_usd=6 * CENT, reserved_usd=Decimal(0))
    assert isinstance(take(keys, key, 4 * CENT), Granted)
    assert isinstance(take(keys, key, Decimal("0.000000000001")), Exhausted)
    assert isinstance(take(keys, key, Decimal(0)), Granted)  # what costs nothing needs no budget


def test_a_call_dearer_than_its_worst_case_is_counted_in_full(keys):
    key, _ = create_key(keys, "team", budget_usd=10 * CENT)
    give(keys, take(keys, key, CENT), 12 * CENT)
    assert spend_of(keys, key).spent_usd == 12 * CENT
    assert isinstance(take(keys, key, CENT), Exhausted)


@pytest.mark.parametrize(
    ("per", "now", "wait"),
    [
        ("day", NOON, timedelta(hours=12)),
        ("month", NOON, timedelta(days=7, hours=12)),
        ("month", datetime(2026, 12, 31, 23, 59, tzinfo=UTC), timedelta(minutes=1)),
    ],
)
def test_a_budget_comes_back_with_its_next_period(keys, per, now, wait):
    key, _ = create_key(keys, "team", budget_usd=CENT, budget_per=per)
    granted = take(keys, key, CENT, now)
    refused = take(keys, key, CENT, now)
    assert refused.retry_after_s == wait.total_seconds()
    assert isinstance(take(keys, key, CENT, now + wait - timedelta(microseconds=1)), Exhausted)
    assert isinstance(take(keys, key, CENT, now + wait), Granted)
    give(keys, granted, CENT / 2)  # settles in the period it began in
    assert spend_of(keys, key, clock=Fixed(now)).spent_usd == CENT / 2
    assert spend_of(keys, key, clock=Fixed(now + wait)).reserved_usd == CENT


def test_requests_are_bounded_in_any_sixty_seconds(keys):
    key, _ = create_key(keys, "team", requests_per_minute=2)
    at = lambda seconds: NOON + timedelta(seconds=seconds)  # noqa: E731 - a table of moments reads better
    assert isinstance(take(keys, key, Decimal(0), at(0)), Granted)
    assert isinstance(take(keys, key, Decimal(0), at(50)), Granted)
    assert take(keys, key, Decimal(0), at(59)) == Exhausted(limit="requests", retry_after_s=1.0)
    assert isinstance(take(keys, key, Decimal(0), at(60)), Granted)
    # A calendar minute would admit two more here, four within 61 seconds.
    assert take(keys, key, Decimal(0), at(61)) == Exhausted(limit="requests", retry_after_s=49.0)


def test_a_clock_that_was_set_back_does_not_lock_the_key_for_hours(keys):
    key, _ = create_key(keys, "team", requests_per_minute=1)
    assert isinstance(take(keys, key, Decimal(0)), Granted)
    slightly = take(keys, key, Decimal(0), NOON - timedelta(seconds=5))
    assert slightly == Exhausted(limit="requests", retry_after_s=60.0)
    assert isinstance(take(keys, key, Decimal(0), NOON - timedelta(hours=3)), Granted)


def test_a_call_over_budget_does_not_use_up_a_request(keys):
    key, _ = create_key(keys, "team", budget_usd=CENT, requests_per_minute=1)
    assert take(keys, key, 2 * CENT).limit == "budget"
    assert isinstance(take(keys, key, CENT), Granted)
    assert take(keys, key, Decimal(0)).limit == "requests"


def test_threads_together_are_admitted_no_more_than_the_limits(keys):
    rich, _ = create_key(keys, "rich", budget_usd=37 * CENT)
    quick, _ = create_key(keys, "quick", requests_per_minute=23)
    admitted = {"rich": 0, "quick": 0}
    lock, start = threading.Lock(), threading.Barrier(8)

    def work():
        start.wait(10)
        for _ in range(10):
            for key in (rich, quick):
                if isinstance(take(keys, key, CENT), Granted):
                    with lock:
                        admitted[key.name] += 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted == {"rich": 37, "quick": 23}
    assert spend_of(keys, rich).reserved_usd == 37 * CENT


WORKER = """
import sys
from decimal import Decimal
from pathlib import Path
from insource.foundation.clock import SYSTEM
from insource.store.key_limits import reserve, settle
from insource.store.keys import Granted, list_keys, open_keys

with open_keys(Path(sys.argv[1])) as keys:
    key, = list_keys(keys)
    admitted = 0
    for index in range(150):
        if index == 1:
            print("ready", flush=True)
            sys.stdin.readline()
        with keys.write_raw() as connection:
            granted = reserve(connection, key, Decimal("0.03"), SYSTEM.now())
        if isinstance(granted, Granted):
            admitted += 1
            with keys.write_raw() as connection:
                settle(connection, granted, Decimal("0.01"))
    print(admitted, flush=True)
"""


def test_two_processes_share_one_budget_to_the_cent(keys, tmp_path):
    """Both want 1.50 dollars of a budget of 1: together they get what still leaves room for a worst case."""
    key, _ = create_key(keys, "team", budget_usd=Decimal(1))
    command = [sys.executable, "-c", WORKER, str(tmp_path / "workspace")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        for worker in (one, other):
            assert worker.stdout.readline() == "ready\n"
        for worker in (one, other):
            worker.stdin.write("go\n")
            worker.stdin.flush()
        admitted = [int(worker.stdout.readline()) for worker in (one, other)]
    assert sum(admitted) == 98  # 98 cents spent: a 99th call could cost three
    assert min(admitted) > 0
    assert spend_of(keys, key) == Spend(spent_usd=98 * CENT, reserved_usd=Decimal(0))


@pytest.mark.fault
def test_a_killed_process_keeps_what_it_held_counted(keys, tmp_path):
    """The provider may have charged for the call, so nothing comes back by itself."""
    key, _ = create_key(keys, "team", budget_usd=5 * CENT)
    program = WORKER.partition("    admitted")[0] + (
        "    import os, signal\n"
        "    with keys.write_raw() as connection:\n"
        '        reserve(connection, key, Decimal("0.04"), SYSTEM.now())\n'
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "workspace")], check=False)
    assert done.returncode == -9
    assert spend_of(keys, key).reserved_usd == 4 * CENT
    assert isinstance(take(keys, key, 2 * CENT), Exhausted)
