"""Somebody deletes the store, the spool or both while calls are recorded."""

import shutil

from insource.logs.recorder import Recorder
from insource.store.calls.calls import find_calls
from insource.store.database import open_database
from insource.store.spool.drain import drain


def record(recorder, *names):
    for name in names:
        recorder.begin({}, model_asked=name).end()


def names(root):
    with open_database(root / "insource.db") as database:
        return sorted(call.model_asked for call in find_calls(database))


def delete_store(root):
    for path in root.glob("insource.db*"):
        path.unlink()


def test_a_deleted_store_is_made_anew_from_what_the_spool_still_has(tmp_path):
    with Recorder.open(tmp_path) as recorder:
        record(recorder, "a", "b")
        assert recorder.flush().stored == 2
        delete_store(tmp_path)
        record(recorder, "c")
        assert recorder.flush().stored == 3
        assert names(tmp_path) == ["a", "b", "c"]
        delete_store(tmp_path)
        record(recorder, "d")
    assert names(tmp_path) == ["a", "b", "c", "d"]


def test_a_segment_outlives_the_store_it_was_drained_into(tmp_path, monkeypatch):
    with Recorder.open(tmp_path) as recorder:
        record(recorder, "a")
        recorder._spool.close()  # its segment is a dead one now, to be deleted once it is drained
        with open_database(tmp_path / "insource.db") as database:
            from insource.store.spool import drain as module

            drain_batch = module._drain_batch

            def then_delete(*arguments):
                at_end = drain_batch(*arguments)
                delete_store(tmp_path)
                return at_end

            with monkeypatch.context() as patched:
                patched.setattr(module, "_drain_batch", then_delete)
                drain(database, tmp_path / "spool")
            assert len(list((tmp_path / "spool").glob("*.seg"))) == 1
            assert drain(database, tmp_path / "spool").stored == 1
    assert names(tmp_path) == ["a"]


def test_when_all_is_deleted_the_next_call_starts_a_new_log_and_the_open_one_is_counted(tmp_path):
    root = tmp_path / ".insource"
    with Recorder.open(root) as recorder:
        record(recorder, "a")
        under_way = recorder.begin({}, model_asked="under way")
        shutil.rmtree(root)
        under_way.end()
        assert recorder.lost == 1
        record(recorder, "b")
        assert recorder.flush().stored == 1
    assert recorder.lost == 1
    assert names(root) == ["b"]
