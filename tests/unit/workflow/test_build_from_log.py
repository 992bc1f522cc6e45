"""Rows of the log are read again when the log changed."""

import json
import shutil
from datetime import timedelta

import pytest
from support.builds import START, Walk, answered, configured

from insource.dataset.saved.folder import load
from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.store.calls.calls import insert_calls
from insource.store.calls.retag import retag
from insource.store.calls.versions import replace_unfinished
from insource.store.database import open_database
from insource.types import Call
from insource.workflow import build as building

# Rows from the log


def call(number, task="specs", **fields):
    request = {"messages": [{"role": "user", "content": f"document {number} is about {number * 31}"}]}
    return Call(
        call_id=f"c{number:03}",
        started_at=START + timedelta(minutes=number),
        source="gateway",
        task=task,
        endpoint="chat",
        model_asked="x/y",
        request=request,
        response_text=json.dumps({"a": str(number * 31)}),
        **fields,
    )


@pytest.fixture
def logged(project):
    folder = project(config='[task]\nname = "specs"\n[dataset]\nformat = "log"\n')
    stored(folder, *(call(n) for n in range(30)), call(90, task=""), call(91, task="other"))
    return folder


def stored(folder, *calls):
    with open_database(folder / ".insource" / "insource.db") as database, database.write() as connection:
        insert_calls(connection, calls)


def corrected(folder):
    with Log(folder / ".insource") as log:
        log.correct("c003", '{"a": "right"}')


def purged(folder):
    with Log(folder / ".insource") as log:
        log.purge(reason="asked for", call_ids=("c003",))


def replaced_by_another(folder):
    """As many calls as before, of the same ids and times, with other answers: another store all the same."""
    for path in (folder / ".insource").glob("insource.db*"):
        path.unlink()
    calls = (call(n).model_copy(update={"response_text": '{"a": "other"}'}) for n in range(30))
    stored(folder, *calls, call(90, task=""), call(91, task="other"))


def purged_and_another_in_its_place(folder):
    """As many calls as before, which started at the same times."""
    purged(folder)
    stored(folder, call(3).model_copy(update={"call_id": "c003b"}))


def a_rating_of_another_task(folder):
    with Log(folder / ".insource") as log:
        log.rate("c091", "up")


def given_the_task(folder):
    with open_database(folder / ".insource" / "insource.db") as database:
        assert retag(database, ["c090"], "specs") == 1


@pytest.mark.parametrize(
    ("change", "rebuilt"),
    [
        (lambda folder: stored(folder, call(40)), True),
        (corrected, True),
        (purged, True),
        (given_the_task, True),
        (replaced_by_another, True),
        (purged_and_another_in_its_place, True),
        (a_rating_of_another_task, False),
        (answered, True),
        (lambda folder: stored(folder, call(40, task="other")), False),
        (configured("[training]\nepochs = 9"), False),
    ],
)
def test_rows_of_the_log_are_read_again_when_it_changed(logged, change, rebuilt):
    assert not Walk(logged).read_back
    change(logged)
    assert Walk(logged).read_back is not rebuilt
    assert Walk(logged).read_back


def test_the_answer_of_a_later_version_is_read(logged):
    """The log has the same calls, of the same ids and times, one of which now has an answer."""
    stored(logged, call(40, outcome="interrupted"))
    assert Walk(logged).path == Walk(logged).path
    with open_database(logged / ".insource" / "insource.db") as database, database.write() as connection:
        assert replace_unfinished(connection, [call(40)]) == 1
    after = Walk(logged)
    assert not after.read_back
    splits = load(after.path).splits.values()
    assert "c040" in {example.row_id for split in splits for example in split}


def test_a_copied_workspace_is_read_back(logged, tmp_path_factory):
    Walk(logged)
    copy = tmp_path_factory.mktemp("copies") / "project"
    shutil.copytree(logged, copy)
    assert Walk(copy).read_back


def test_purged_text_does_not_come_back(logged):
    before = Walk(logged)
    assert "document 3 is" in "".join(path.read_text() for path in before.path.glob("*.jsonl"))
    purged_and_another_in_its_place(logged)
    after = Walk(logged)
    rows_of = {example.row_id for split in load(after.path).splits.values() for example in split}
    assert "c003" not in rows_of


def test_a_log_that_grew_meanwhile_leaves_the_build_unremembered(logged, monkeypatch):
    seal = building.seal

    def sealing(*arguments):
        stored(logged, call(40))
        return seal(*arguments)

    monkeypatch.setattr(building, "seal", sealing)
    first = Walk(logged)
    monkeypatch.undo()
    assert not (logged / ".insource" / "builds").exists()
    again = Walk(logged)
    assert not again.read_back
    assert again.manifest.read == first.manifest.read + 1


def test_calls_that_wait_in_the_spool_are_drained_before_the_key_is_read(logged, monkeypatch):
    Walk(logged)
    monkeypatch.setattr(Recorder, "flush", lambda self: None)
    with Recorder.open(logged / ".insource") as recorder:
        request = {"messages": [{"role": "user", "content": "one more document"}]}
        begun = recorder.begin(request, model_asked="x/y", task="specs", endpoint="chat")
        begun.end(response_text='{"a": "1"}')
        walk = Walk(logged)
        assert not walk.read_back
        assert walk.manifest.read == 31


def test_a_log_that_cannot_be_brought_up_to_date_has_no_key(logged, monkeypatch):
    Walk(logged)
    monkeypatch.setattr("insource.workflow.build_key._drained", lambda project: False)
    assert not Walk(logged).read_back
    assert not Walk(logged).read_back
