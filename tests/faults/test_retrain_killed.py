"""A cycle of retraining that is killed after any step goes on there, once, for its own reasons."""

import json
import os
import shutil
import signal
import subprocess

import pytest
from support.child_python import python_child
from support.retraining import NEW, again, answered, documents, finished_project, stand_in, walk
from support.waiting import eventually
from support.walks import session_on

from insource import pipeline
from insource.foundation.errors import IntegrityError, PrerequisiteError, UserError
from insource.logs.query import Log
from insource.store.deployments.registry import deployment_of, events, open_registry
from insource.types.retraining import Cycle
from insource.workflow import cycles as cycles_module
from insource.workflow import promote
from insource.workflow import retrain as retrain_module
from insource.workflow.champion import champion_of
from insource.workflow.cycles import FOLDER, cycles, one_at_a_time, open_cycle
from insource.workflow.retrain import retrain


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project with a champion, and corrected calls that are a reason to retrain."""
    folder = finished_project(tmp_path_factory.mktemp("finished"))
    texts = documents(NEW, 150, seed=1)
    calls = answered(folder / ".insource", texts)
    with Log(folder / ".insource") as log:
        log.drain()
        for call, (_, label) in zip(calls, texts, strict=True):
            log.correct(call, label)
    return folder


@pytest.fixture
def session(finished, tmp_path, monkeypatch):
    folder = shutil.copytree(finished, tmp_path / "project")
    monkeypatch.setattr(pipeline, "make_model", stand_in(tmp_path / "engine"))
    return session_on(folder)


class Killed(BaseException):
    """The process dies here."""


def die(*_, **__):
    raise Killed


STEPS = {
    "in the collection": (retrain_module, "write_fresh", "begun"),
    "in the training": (pipeline, "make_model", "collected"),
    "after the training": (pipeline, "evaluate_arms", "collected"),
    "in the judgement": (retrain_module, "judge_challenger", "made"),
    "before the ladder": (retrain_module, "hand_over", "judged"),
    "after the ladder": (retrain_module, "record_outcome", "judged"),
}


@pytest.mark.parametrize("where", STEPS)
def test_a_killed_cycle_goes_on_where_it_was(session, monkeypatch, where):
    before = champion_of(session)
    module, name, step = STEPS[where]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        with pytest.raises(Killed):
            retrain(session, walk())
    assert open_cycle(session).step == step
    assert champion_of(session).run_id == before.run_id, "the champion answers meanwhile"
    found = retrain(again(session), walk()).cycle
    (only,) = cycles(session)
    assert found == only
    assert (only.step, only.outcome, only.champion) == ("done", "promoted", before.run_id)
    with open_registry(session.project.workspace) as database:
        assert deployment_of(database, "tickets").challenger.run_id == only.challenger
        kinds = [one.kind for one in events(database, "tickets")]
    assert kinds == ["deployed", "shadow", "retrain"], "each decision once"


def test_every_write_of_a_cycle_may_be_the_last(session, monkeypatch):
    """Killed before any of its files is replaced: the steps before it are never taken again."""
    trained = []

    def counting(own):
        trained.append(1)
        return walk()(own)

    for fatal in range(5):
        writes = []

        def replace_text(path, text, writes=writes, fatal=fatal, real=cycles_module.replace_text):
            if len(writes) == fatal:
                raise Killed
            writes.append(path)
            real(path, text)

        with monkeypatch.context() as patch:
            patch.setattr(cycles_module, "replace_text", replace_text)
            try:
                retrain(again(session), counting)
            except Killed:
                continue
            break
    found = retrain(again(session), counting)
    ended = found.cycle or cycles(session)[-1]
    assert ended.step == "done"
    assert len([one for one in cycles(session) if one.outcome == "promoted"]) == 1


def test_a_cycle_that_goes_on_is_judged_against_todays_champion(session, monkeypatch):
    """Another version was deployed by hand while the cycle stood still."""
    with monkeypatch.context() as patch:
        patch.setattr(retrain_module, "hand_over", die)
        with pytest.raises(Killed):
            retrain(session, walk())
    begun = open_cycle(session)
    judged = []
    other = champion_of(session).model_copy(update={"run_id": "other"})
    said = []
    monkeypatch.setattr(session.display, "note", said.append)
    monkeypatch.setattr(retrain_module, "champion_of", lambda session: other)
    monkeypatch.setattr(
        retrain_module,
        "judge_challenger",
        lambda session, champion, *rest: judged.append(champion.run_id) or begun.ruling,
    )
    found = retrain(again(session), walk(), wanted="another reason").cycle
    assert judged == ["other"]
    assert found.champion == "other"
    assert any("'another reason' is not used" in one for one in said)


CHILD = """
import sys, time
from pathlib import Path
from insource import pipeline
from support.retraining import stand_in, walk
from support.walks import session_on
from insource.workflow.retrain import retrain

folder = Path(sys.argv[1])
make = stand_in(folder / "engine2")

def slow(session, dataset, task):
    (folder / "training").touch()
    time.sleep(300)

pipeline.make_model = slow
retrain(session_on(folder), walk())
"""


def test_kill_9_in_the_training_loses_nothing_and_holds_no_lock(session):
    folder = session.project.folder
    child = subprocess.Popen(**python_child(CHILD, folder))
    try:
        eventually((folder / "training").exists)
        with pytest.raises(PrerequisiteError) as caught:
            retrain(again(session), walk())
        assert caught.value.code == "run-in-progress"
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert open_cycle(session).step == "collected"
    assert retrain(again(session), walk()).cycle.outcome == "promoted"


def test_a_torn_file_of_a_cycle_is_named_with_what_to_do(session):
    folder = session.project.workspace / FOLDER
    folder.mkdir()
    path = folder / "torn.json"
    path.write_text('{"cycle_id": "x"')
    with pytest.raises(IntegrityError) as caught:
        retrain(session, walk())
    assert caught.value.code == "cycle-unreadable"
    assert f"rm '{path}'" in caught.value.hint
    path.unlink()
    assert retrain(again(session), walk()).cycle.outcome == "promoted"


def test_a_cycle_of_another_version_is_not_guessed_at(session):
    cycle = retrain(session, walk()).cycle
    path = session.project.workspace / FOLDER / f"{cycle.cycle_id}.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"schema_version": 2}))
    with pytest.raises(IntegrityError):
        cycles(session)
    assert Cycle.model_validate_json(json.dumps(said)) == cycle


def test_one_cycle_at_a_time(session):
    with one_at_a_time(session), pytest.raises(PrerequisiteError) as caught:
        retrain(again(session), walk())
    assert caught.value.code == "run-in-progress"


def test_without_a_champion_there_is_nothing_to_make_again(project):
    folder = project(config='[task]\nname = "tickets"\n')
    with pytest.raises(UserError) as caught:
        retrain(session_on(folder), walk())
    assert caught.value.code == "no-champion"


def test_an_operator_who_decides_at_the_same_moment_wins(session, monkeypatch):
    """The cycle stops with the registry's own error, and goes on with what is deployed then."""

    def overtaken(*_, **__):
        raise UserError("deployment-changed", "changed meanwhile", hint="decide again")

    promote.keep_champion(session, champion_of(session))
    with monkeypatch.context() as patch:
        patch.setattr(promote, "swap", overtaken)
        with pytest.raises(UserError) as caught:
            retrain(session, walk())
    assert caught.value.code == "deployment-changed"
    assert open_cycle(session).step == "judged"
    assert retrain(again(session), walk()).cycle.outcome == "promoted"
