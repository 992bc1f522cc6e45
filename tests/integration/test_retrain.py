"""One cycle of retraining on real rows, a real log and real models, from the trigger to the ladder."""

import pytest
from support.retraining import CONFIG, NEW, again, answered, documents, source_rows, stand_in, walk
from support.walks import session_on

from insource import pipeline
from insource.dataset.saved.folder import load as load_dataset
from insource.logs.query import Log
from insource.store.deployments.registry import deployment_of, events, open_registry
from insource.workflow.retrain import retrain


@pytest.fixture
def champion(project, tmp_path, monkeypatch):
    """A project of 240 tickets whose n-gram model is the champion, and a session on it."""
    folder = project(source_rows(240), CONFIG)
    monkeypatch.setattr(pipeline, "make_model", stand_in(tmp_path / "engine"))
    session = session_on(folder)
    result = walk()(session)
    assert result.served.kind == "fitted"
    return again(session), result


def deployed(session):
    with open_registry(session.project.workspace) as database:
        return deployment_of(database, "tickets"), events(database, "tickets")


def corrected(session, texts, **how):
    """Live calls that a person corrected."""
    calls = answered(session.project.workspace, texts, **how)
    with Log(session.project.workspace) as log:
        log.drain()
        for call, (_, label) in zip(calls, texts, strict=True):
            log.correct(call, label, who="ann")
    return calls


def test_new_words_are_learned_and_the_challenger_goes_into_shadow(champion):
    session, before = champion
    calls = corrected(session, documents(NEW, 150, seed=1), answers={})
    found = retrain(session, walk())
    cycle = found.cycle
    assert [one.name for one in found.triggers if one.due] == ["examples"]
    assert (cycle.step, cycle.outcome, cycle.champion) == ("done", "promoted", before.run_id), cycle.reason
    assert cycle.ruling.fresh.adjusted.outcome == "better"
    assert cycle.ruling.sealed.adjusted.outcome in ("not worse", "inconclusive")
    dataset = load_dataset(session.project.datasets_path / cycle.dataset)
    split_of = {one.row_id: split for split, examples in dataset.splits.items() for one in examples}
    assert set(calls) <= set(split_of), "every corrected call is a row"
    assert {split_of[call] for call in calls} == {"train", "validation", "calibration", "test"}
    known = load_dataset(session.project.datasets_path / before.stages[0].path)
    for split, examples in known.splits.items():
        assert {split_of[one.row_id] for one in examples} == {split}, "no document changes its split"
    now, history = deployed(session)
    assert (now.champion.run_id, now.challenger.run_id) == (before.run_id, cycle.challenger)
    assert (now.stage, now.share) == ("shadow", 0.0)
    assert [one.kind for one in history] == ["deployed", "shadow", "retrain"]
