"""The store on a real SQLite file."""

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from insource.foundation.errors import ConfigError, IntegrityError, PrerequisiteError
from insource.store import keys as _keys
from insource.store import looks as _looks
from insource.store.calls import calls as _calls
from insource.store.calls import feedback as _feedback
from insource.store.calls import rollups as _rollups
from insource.store.calls import tombstones as _tombstones
from insource.store.calls.calls import call_stats, find_calls, get_call, insert_calls
from insource.store.database import METADATA, open_database
from insource.store.deployments import audits as _audits
from insource.store.deployments import checks as _checks
from insource.store.deployments import registry as _registry
from insource.store.looks import keep_inputs, looked, looks_at, record_look, without_inputs
from insource.store.spool import progress as _segments
from insource.types import Call, Route, Usage

START = datetime(2026, 11, 20, 9, 30, 0, 123457, tzinfo=UTC)


def call(number, **fields):
    defaults = {
        "call_id": f"call-{number:04}",
        "started_at": START + timedelta(seconds=number),
        "task": "specs",
        "model_asked": "cloud/big",
        "request": {"messages": [{"role": "user", "content": f"document {number}"}]},
        "response_text": "{}",
    }
    return Call(**defaults | fields)


FULL = call(
    1,
    model_answered="big-2026-01",
    finish_reason="stop",
    status=200,
    usage=Usage(input_tokens=10, cached_tokens=4, output_tokens=5, reasoning_tokens=0),
    cost_usd=Decimal("0.000123456"),
    latency_s=1.25,
    first_token_s=0.5,
    simulated=True,
    route=Route(to="cloud", model="cloud/big", reason="low-confidence", confidence=0.2, threshold=0.9),
    tags={"row_id": "17", "text": "Zürich \x00 😀"},
)


@pytest.fixture
def database(tmp_path):
    with open_database(tmp_path / "insource.db") as opened:
        yield opened


def insert(database, *calls):
    with database.write() as connection:
        return insert_calls(connection, calls)


def test_a_call_comes_back_as_it_went_in(database):
    insert(database, FULL, call(2))
    assert get_call(database, FULL.call_id) == FULL
    assert get_call(database, "call-0002") == call(2)
    assert get_call(database, "call-9999") is None


def test_the_same_call_is_stored_once_and_stays_as_it_was(database):
    assert insert(database, call(1), call(2)) == 2
    assert insert(database, call(2, response_text="other"), call(3)) == 1
    assert [c.response_text for c in find_calls(database)] == ["{}", "{}", "{}"]


def test_calls_are_found_by_task_model_and_time_in_their_order(database):
    insert(database, call(3), call(1), call(2, task="other"), call(4, model_answered="small"))
    ids = [c.call_id for c in find_calls(database, task="specs")]
    assert ids == ["call-0001", "call-0003", "call-0004"]
    assert [c.call_id for c in find_calls(database, model="small")] == ["call-0004"]
    assert [c.call_id for c in find_calls(database, limit=2)] == ["call-0003", "call-0004"]
    since = START + timedelta(seconds=3)
    assert [c.call_id for c in find_calls(database, since=since)] == ["call-0003", "call-0004"]


def test_stats_by_model_with_nearest_rank_percentiles(database):
    insert(database, *(call(n, latency_s=float(n), cost_usd=Decimal("0.01")) for n in range(1, 21)))
    insert(database, call(21, outcome="error"), call(22, simulated=True))
    real, simulated = call_stats(database)
    assert (real.calls, real.errors, real.unpriced) == (21, 1, 0)
    assert (real.cost_usd, real.p50_s, real.p95_s) == (Decimal("0.20"), 10.0, 19.0)
    assert (simulated.simulated, simulated.cost_usd, simulated.p50_s) == (True, None, None)


def test_a_block_that_raises_leaves_nothing(database):
    def half_done():
        with database.write() as connection:
            insert_calls(connection, [call(1)])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    assert find_calls(database) == []


def test_looks_count_runs_not_arms(database):
    for run, arm in (("run-a", "tuned"), ("run-a", "base"), ("run-a", "base"), ("run-b", "tuned")):
        record_look(database, "d1", run, arm)
    assert (looked(database, "d1", bytes(8)).most, looked(database, "d2", bytes(8)).most) == (2, 0)


def test_looks_follow_a_document_into_other_test_splits(database):
    a, b, c = (bytes([n]) * 8 for n in range(3))
    record_look(database, "d1", "run-a", "tuned", inputs=a + b)
    record_look(database, "d1", "run-b", "tuned", inputs=a + b)
    record_look(database, "d2", "run-c", "tuned", inputs=b + c)
    assert looked(database, "d3", a) == (1, 1, 2)
    assert looked(database, "d3", a + c + b) == (3, 3, 3)
    found = looked(database, "d3", c + bytes([9]) * 8)
    assert found.summary == "1 of 2 test documents were looked at, at most 1 time"
    assert looked(database, "d3", bytes([9]) * 8).summary == "The test split has been looked at 0 times"


def test_every_look_at_a_document_is_found_with_its_arm_and_time(database):
    a, b, c = (bytes([n]) * 8 for n in range(3))
    record_look(database, "d1", "run-a", "tuned", inputs=a + b)
    record_look(database, "d2", "run-b", "cloud", inputs=b + c)
    record_look(database, "d3", "run-c", "floor", inputs=c)
    record_look(database, "d4", "run-d", "spans")  # of before documents were kept
    assert [(look.arm, look.run_id) for look in looks_at(database, "d1", a + b)] == [
        ("tuned", "run-a"),
        ("cloud", "run-b"),
    ]
    assert [look.arm for look in looks_at(database, "d4", a)] == ["tuned", "spans"]
    assert looks_at(database, "d9", bytes([9]) * 8) == ()
    times = [look.at for look in looks_at(database, "d1", a + b + c)]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)


def test_looks_of_before_documents_were_kept_still_count(database):
    one = bytes(8)
    record_look(database, "d1", "run-a", "tuned")
    assert looked(database, "d1", one) == (1, 1, 1)
    assert looked(database, "d2", one) == (0, 1, 0)
    assert without_inputs(database) == {"d1"}
    keep_inputs(database, "d1", one)
    assert (looked(database, "d2", one), without_inputs(database)) == ((1, 1, 1), set())


def test_the_revisions_make_the_schema_the_code_expects(database):
    tables = {
        _calls.CALLS,
        _looks.LOOKS,
        _looks.LOOKED_INPUTS,
        _segments.SEGMENTS,
        _rollups.ROLLUPS,
        _feedback.FEEDBACK,
    }
    tables |= {_tombstones.PURGES, _tombstones.TOMBSTONES, _keys.KEYS, _keys.SPEND, _keys.REQUESTS}
    tables |= {_registry.DEPLOYMENTS, _registry.EVENTS, _audits.AUDITS, _audits.ANCHOR_CHECKS}
    tables |= {_checks.CHECKS}
    assert tables == set(METADATA.tables.values())
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_files_belong_to_the_owner_alone(tmp_path):
    with open_database(tmp_path / "new" / "insource.db") as database:
        insert(database, call(1))
        files = list((tmp_path / "new").iterdir())
        assert len(files) >= 2  # the write-ahead log too
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_opening_again_does_not_load_alembic(tmp_path):
    open_database(tmp_path / "insource.db").close()
    code = (
        "import sys; from insource.store.database import open_database; "
        "open_database(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "insource.db"], timeout=60).returncode == 0


def test_many_may_create_the_store_at_once(tmp_path):
    code = "import sys; from insource.store.database import open_database; open_database(sys.argv[1]).close()"
    children = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "insource.db"]) for _ in range(6)]
    assert [child.wait(timeout=60) for child in children] == [0] * 6


def test_threads_write_side_by_side(database):
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda n: insert(database, call(n)), range(64))) == 64


def test_a_folder_may_have_any_name(tmp_path):
    path = tmp_path / "50 % off? #1 ü" / "insource.db"
    with open_database(path) as database:
        insert(database, call(1))
    assert path.stat().st_size > 0


def test_a_url_opens_the_same_file(tmp_path):
    with open_database(tmp_path / "insource.db") as database:
        insert(database, call(1))
    with open_database(f"sqlite:///{tmp_path}/insource.db") as database:
        assert len(find_calls(database)) == 1


@pytest.mark.parametrize("url", ["postgresql://host/db", "sqlite://", "no such://thing"])
def test_any_other_database_is_refused(url):
    with pytest.raises(ConfigError) as caught:
        open_database(url)
    assert caught.value.code == "store-url"


def test_a_locked_store_says_so(tmp_path):
    path = tmp_path / "insource.db"
    with open_database(path, busy_timeout_s=0.05) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PrerequisiteError) as caught:
            insert(database, call(1))
        assert caught.value.code == "store-locked"
        assert find_calls(database) == []  # readers do not wait for the writer
        other.execute("ROLLBACK")
        other.close()
        assert insert(database, call(1)) == 1


def test_a_damaged_store_says_so(tmp_path):
    path = tmp_path / "insource.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(IntegrityError) as caught:
        open_database(path)
    assert caught.value.code == "store-corrupt"
    assert ".recover" in caught.value.hint


def test_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "insource.db", tmp_path):
        with pytest.raises(PrerequisiteError) as caught:
            open_database(path)
        assert caught.value.code == "store-unwritable"


def test_a_store_of_a_newer_insource_is_left_alone(tmp_path):
    path = tmp_path / "insource.db"
    open_database(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    raw.close()
    with pytest.raises(PrerequisiteError) as caught:
        open_database(path)
    assert caught.value.code == "store-newer"
    assert "9999" in caught.value.message
