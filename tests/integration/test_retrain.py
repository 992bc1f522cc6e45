"""One cycle of retraining on real rows, a real log and real models, from the trigger to the ladder."""

import json
import shutil
from datetime import timedelta
from decimal import Decimal
from hashlib import blake2b

import pytest
from support.retraining import (
    CONFIG,
    KNOWN,
    NEW,
    again,
    answered,
    documents,
    finished_project,
    source_rows,
    stand_in,
    walk,
)
from support.walks import session_on

from insource import pipeline
from insource.dataset.fresh import read_fresh, write_fresh
from insource.dataset.review.ranked import FILE_NAME as QUEUE_FILE
from insource.dataset.review.ranked import read_ranked
from insource.dataset.review.workbench import FieldVerdict
from insource.dataset.rows.teacher_policy import TeacherRule, write_policy
from insource.dataset.saved.folder import load as load_dataset
from insource.foundation.errors import DataError
from insource.lifecycle.anchors.kept import anchors_of
from insource.logs.call_values import AUDIT_OF
from insource.logs.paid import ANCHOR_TAG
from insource.logs.query import Log
from insource.logs.recorder import Recorder
from insource.redaction import Redactor
from insource.store.deployments.audits import add_anchor_checks, add_audits
from insource.store.deployments.registry import deployment_of, events, open_registry, record_event, swap
from insource.types.deployment import AnchorCheck, Audit, DeploymentEvent
from insource.types.retraining import Cycle
from insource.types.ways import WAITS_FOR_A_PERSON
from insource.workflow.anchors import add_anchors, refuse_leaks
from insource.workflow.build import build_dataset
from insource.workflow.challenge import sorted_out
from insource.workflow.champion import champion_of, learned_from
from insource.workflow.cloud_trust import cloud_trust
from insource.workflow.cycle_cost import CycleClock
from insource.workflow.promote import keep_champion
from insource.workflow.retrain import retrain
from insource.workflow.retrain_plan import plan_retraining
from insource.workflow.review import open_workbench
from insource.workflow.situation import assess, fresh_of


def never(session):
    raise AssertionError("nothing was to be trained")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a project of 240 tickets whose n-gram model is the champion."""
    return finished_project(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def champion(finished, tmp_path, monkeypatch):
    """A session on a copy of that project, and its run."""
    folder = shutil.copytree(finished, tmp_path / "project")
    monkeypatch.setattr(pipeline, "make_model", stand_in(tmp_path / "engine"))
    session = session_on(folder)
    return session, champion_of(session)


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


def test_a_cycle_without_a_reason_is_none_and_names_what_to_label(champion):
    session, _ = champion
    unsure = answered(session.project.workspace, documents(NEW, 12, seed=2), confidence=0.1)
    found = retrain(session, never)
    assert found.cycle is None
    assert not any(one.due for one in found.triggers)
    queue = found.mined.queue
    assert {row.row_id for row in queue.rows} <= set(unsure), "new words, unsure: before all else"
    assert {"uncertainty", "novelty"} <= {signal for row in queue.rows for signal in row.signals}
    assert len(queue.rows) == session.config.retrain.labels
    ranked = read_ranked(session.project.workspace / QUEUE_FILE)
    assert list(ranked) == [row.row_id for row in queue.rows]
    with open_workbench(session) as bench:
        first = bench.following("to-label", "ann")
        item = bench.item("to-label", "ann", first)
    assert item.row.row_id == queue.rows[0].row_id
    assert item.reasons == queue.rows[0].reasons


def test_what_waited_for_a_person_is_one_row_once_it_is_decided_and_collected(champion):
    session, _ = champion
    workspace = session.project.workspace
    (waits,) = answered(
        workspace, documents(NEW, 1, seed=6), to="local", model="small", reason=WAITS_FOR_A_PERSON
    )
    with open_workbench(session) as bench:
        index = bench.following("waiting", "ann")
        item = bench.item("waiting", "ann", index)
        bench.save("ann", index, [FieldVerdict(item.fields[0].pointer, "edited", text="shipping")])
    retrain(again(session), never)
    (row,) = read_fresh(session.project.fresh_path)
    assert (row.row_id, row.output, row.provenance.label) == (waits, "shipping", "checked")
    with open_workbench(again(session)) as bench:
        assert [one.row_id for one in bench.rows].count(waits) == 1


def test_what_an_audit_found_wrong_comes_first_though_the_model_was_sure(champion):
    """The call was answered here; its audit, a call of its own, has the cloud's answer, which is the row."""
    session, _ = champion
    workspace = session.project.workspace
    texts = documents(KNOWN, 6, seed=4)
    calls = answered(workspace, texts, to="local", model="small", confidence=0.99)
    (audit,) = answered(workspace, texts[2:3], tags={AUDIT_OF: calls[2]}, confidence=None)
    wrong = Audit(
        task="tickets", version="v", call_id=calls[2], at=session.clock.now(), source="live", wrong=True
    )
    with open_registry(workspace) as database:
        add_audits(database, [wrong])
    queue = retrain(session, never).mined.queue
    (first,) = queue.rows
    assert (first.row_id, first.signals) == (audit, ("failure",))


def test_an_anchor_never_becomes_a_row_and_one_among_the_rows_stops_the_cycle(champion):
    session, _ = champion
    texts = documents(NEW, 45, seed=1)
    corrected(session, texts)
    anchors = session.project.folder / "anchors.jsonl"
    rows = [
        {"id": f"a{n}", "input": f"{text}.", "output": label} for n, (text, label) in enumerate(texts[:3])
    ]
    anchors.write_text("".join(json.dumps(row) + "\n" for row in rows))
    add_anchors(session, anchors, "ann")
    cycle = retrain(again(session), walk(), wanted="to see").cycle
    assert cycle.collected.left_out["anchor"] == 3
    assert cycle.collected.rows == 42
    known = session.project.folder / "data.jsonl"
    known.write_text(known.read_text() + json.dumps(rows[0] | {"id": "leak", "split": "train"}) + "\n")
    with pytest.raises(DataError) as caught:
        retrain(again(session), never, wanted="with the leak")
    assert caught.value.code == "anchors-leaked"
    assert "a0 is row leak" in " ".join(caught.value.details)


def test_a_document_with_personal_data_is_the_same_one_in_the_log_and_in_the_file(champion):
    """The log holds it redacted, and it must not be learned from under that form."""
    folder = champion[0].project.folder
    config = folder / "insource.toml"
    config.write_text(config.read_text() + '[log]\nredact = ["secrets", "personal"]\n')
    session = session_on(folder)
    redactor = Redactor.from_config(session.config.log, session.project.workspace)
    known = folder / "data.jsonl"
    (test, _), (anchor, _), (new, label) = [
        (f"ann{n}.miller@mueller-pumpen.de {text}", label)
        for n, (text, label) in enumerate(documents(NEW, 3))
    ]
    row = {"id": "sealed", "input": test, "output": "billing", "split": "test"}
    known.write_text(known.read_text() + json.dumps(row) + "\n")
    anchors = session.project.folder / "anchors.jsonl"
    anchors.write_text(json.dumps({"id": "a0", "input": anchor, "output": "billing"}) + "\n")
    add_anchors(session, anchors, "ann")
    corrected(session, [(test, "billing"), (anchor, "billing"), (new, label)], redactor=redactor)
    found = fresh_of(session)
    assert found.left_out == {"already-known": 1, "anchor": 1}
    (kept,) = found.rows
    assert "mueller-pumpen" not in kept.input
    asked = anchors_of(session.project.workspace, "tickets").anchors
    learned = asked[0].example.model_copy(update={"row_id": "r", "input": redactor.text(anchor)})
    with pytest.raises(DataError, match="among the rows to train on"):
        refuse_leaks(session, asked, [learned])


def test_wrong_corrections_make_a_worse_challenger_and_the_champion_stays(champion):
    session, before = champion
    wrong = dict(zip(KNOWN, (*list(KNOWN)[1:], next(iter(KNOWN))), strict=True))
    spoiled = [(text, wrong[label]) for text, label in documents(KNOWN, 400, seed=3)]
    corrected(session, spoiled)
    cycle = retrain(session, walk()).cycle
    assert (cycle.outcome, cycle.ruling.passes) == ("kept", False)
    assert "stays: the challenger is worse on the sealed test documents" in cycle.reason
    now, history = deployed(session)
    assert (now.champion.run_id, now.challenger, now.stage) == (before.run_id, None, "idle")
    assert [one.kind for one in history] == ["deployed", "retrain"]
    assert history[-1].reason == cycle.reason
    assert retrain(again(session), never).cycle is None, "the same labels are no reason twice"


def test_the_same_rows_make_the_same_model_which_is_said(champion):
    session, before = champion
    found = retrain(session, walk(), wanted="to see")
    assert [one.name for one in found.triggers if one.due] == ["asked"]
    assert found.cycle.outcome == "nothing new"
    assert "Label documents first" in found.cycle.reason
    now, _ = deployed(session)
    assert (now.champion.run_id, now.challenger) == (before.run_id, None)


def test_the_champion_answers_as_it_is_served_and_only_documents_that_it_has_not_learned(champion):
    session, before = champion
    corrected(session, documents(NEW, 60, seed=1))
    cycle = retrain(session, walk()).cycle
    known = load_dataset(session.project.datasets_path / before.stages[0].path)
    assert cycle.ruling.sealed.n == len(known.splits["test"])
    assert cycle.ruling.learned == 0
    measured = next(one for one in before.evaluations if one.arm.name == before.choice.candidate)
    assert cycle.ruling.sealed.baseline_value.value == measured.metrics["accuracy"].value
    assert any("harder than the traffic" in note for note in cycle.ruling.notes)


def test_a_new_label_is_a_reason_and_compares_with_todays_way(champion):
    session, _ = champion
    rows = source_rows(240) + [
        {
            "id": f"n{n}",
            "input": f"donate charity gift {n}",
            "output": "donation",
            "cloud_outputs": {"big": "donation"},
        }
        for n in range(30)
    ]
    (session.project.folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = 'name = "tickets"\nlabels = ["billing", "technical", "shipping", "donation"]'
    config = session.project.folder / "insource.toml"
    config.write_text(config.read_text().replace('name = "tickets"', labels, 1))
    session = session_on(session.project.folder)
    found = retrain(session, walk())
    (trigger,) = (one for one in found.triggers if one.name == "schema")
    assert (trigger.due, trigger.reason) == (True, "New labels donation.")
    assert found.cycle.ruling.sealed is None
    assert "another contract" in found.cycle.ruling.notes[0]
    assert (found.cycle.outcome, found.cycle.ruling.passes) == ("promoted", True), found.cycle.reason
    assert retrain(again(session), never).cycle is None, "the same change is no reason twice"


def test_a_drift_alert_is_a_reason_once_and_a_closed_one_is_none(champion):
    session, _ = champion
    with open_registry(session.project.workspace) as database:
        for signal, state in (("inputs", "closed"), ("cloud", "open"), ("inputs", "open")):
            event = DeploymentEvent(
                task="tickets",
                revision=0,
                at=session.clock.now(),
                kind="alert",
                by="monitor",
                reason=f"{signal} {state}",
                evidence={"signal": signal, "state": state},
            )
            record_event(database, event)
    found = retrain(session, walk())
    (drift,) = (one for one in found.triggers if one.due)
    assert (drift.name, drift.evidence["alerts"]) == ("drift", 1)
    assert drift.reason.endswith("inputs open")
    assert found.cycle.outcome == "nothing new"
    assert retrain(again(session), never).cycle is None, "the same alert is no reason twice"


def anchored(session, *, differ):
    """Anchors that the cloud answered alike in four rounds, and two days ago otherwise on ``differ``."""
    path = session.project.folder / "anchors.jsonl"
    rows = [
        {"id": f"a{n}", "input": text, "output": label}
        for n, (text, label) in enumerate(documents(NEW, 60, 9))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    add_anchors(session, path, "ann")
    now = session.clock.now()
    checks = [
        AnchorCheck(
            task="tickets", anchor_id=f"a{n}", at=now - timedelta(days=6 - turn), side="cloud", model="big",
            right=not (turn == 4 and n < differ), same=None if turn == 0 else not (turn == 4 and n < differ),
        )
        for turn in range(5)
        for n in range(60)
    ]  # fmt: skip
    with open_registry(session.project.workspace) as database:
        add_anchor_checks(database, checks)


@pytest.mark.parametrize("moved", [False, True])
def test_a_cloud_that_moved_teaches_nothing_and_what_differs_from_it_is_no_reason(champion, moved):
    session, run = champion
    keep_champion(session, run)
    anchored(session, differ=20 if moved else 0)
    answered(session.project.workspace, documents(NEW, 5, seed=1))
    with open_registry(session.project.workspace) as database:
        event = DeploymentEvent(
            task="tickets", revision=0, at=session.clock.now(), kind="alert", by="monitor", reason="differs",
            evidence={"signal": "audits", "state": "open"},
        )  # fmt: skip
        record_event(database, event)
    found = assess(again(session))
    assert cloud_trust(session).attested is not moved
    assert len(found.fresh.rows) == (0 if moved else 5)
    assert found.fresh.left_out.get("cloud-moved", 0) == (5 if moved else 0)
    assert len(found.situation.alerts) == (0 if moved else 1)


def test_documents_that_only_the_cloud_labelled_tell_nothing_without_anchors(champion):
    session, _ = champion
    write_policy(
        session.project.policy_path, (TeacherRule(model="openai/*", train="allow", terms="2026-11"),)
    )
    texts = documents(NEW, 40, seed=1)
    answered(session.project.workspace, texts[:20])
    corrected(session, texts[20:])
    write_fresh(session.project.fresh_path, fresh_of(session).rows)
    dataset, _ = build_dataset(again(session))
    known = learned_from(session, champion_of(session))
    found = sorted_out(dataset.splits["test"], known)
    left = found.by_people()
    assert {one.provenance.label for one in found.fresh} == {"checked", "teacher"}
    assert {one.provenance.label for one in left.fresh} == {"checked"}
    assert left.unsure == len(found.fresh) - len(left.fresh) > 0


def test_a_cycle_costs_what_was_asked_for_it_and_no_traffic_and_no_anchors(champion):
    session, run = champion
    cycle = Cycle(
        cycle_id="c", task="tickets", started_at=(session.clock.now() - timedelta(hours=1)).isoformat(),
        triggers=(), champion=run.run_id, champion_base="b", base="b",
    )  # fmt: skip
    asked = [
        ("tickets", "recorder", {}),
        ("tickets", "arm", {ANCHOR_TAG: "a0"}),
        ("others", "arm", {}),
        ("tickets", "arm", {"row_id": "r0"}),
        ("tickets", "recorder", {"row_id": "r1"}),
    ]
    with Recorder.open(session.project.workspace) as recorder:
        for number, (task, source, tags) in enumerate(asked):
            request = {"messages": [{"role": "user", "content": "one"}]}
            recording = recorder.begin(request, model_asked="big", task=task, source=source, tags=tags)
            recording.end(response_text="billing", cost_usd=Decimal(10**number))
    assert CycleClock(session, cycle).cost().cloud_usd == 11_000


def test_rows_that_the_source_has_more_are_in_the_price_of_the_plan(champion):
    session, _ = champion
    path = session.project.folder / "data.jsonl"
    more = "".join(json.dumps(row) + "\n" for row in source_rows(60, seed=9))
    path.write_text(path.read_text() + more)
    plan = plan_retraining(session, assess(session))
    assert plan.cloud_usd.n == 60
    assert plan.cloud_usd.value == pytest.approx(60 * 0.03)


def test_a_challenger_waits_while_another_is_on_the_ladder_or_a_person_has_to_say_so(champion):
    session, before = champion
    corrected(session, documents(NEW, 150, seed=1))
    with open_registry(session.project.workspace) as database:
        keep_champion(session, before)
        current = deployment_of(database, "tickets")
        other = current.champion.model_copy(update={"name": "other", "run_id": "other", "digest": "o"})
        busy = current.model_copy(update={"challenger": other, "stage": "canary", "share": 0.05})
        event = DeploymentEvent(
            task="tickets", revision=0, at=session.clock.now(), kind="canary", by="operator", reason="by hand"
        )
        swap(database, busy, event, expected=current.revision)
    cycle = retrain(session, walk()).cycle
    assert cycle.outcome == "passed"
    assert "other is in canary at 5% of the calls" in cycle.reason
    now, _ = deployed(session)
    assert (now.challenger.name, now.stage, now.share) == ("other", "canary", 0.05)


def test_without_promotion_it_waits_for_a_person(champion):
    session, _ = champion
    config = session.project.folder / "insource.toml"
    config.write_text(config.read_text().replace("[retrain]\n", "[retrain]\npromote = false\n"))
    corrected(session, documents(NEW, 150, seed=1))
    cycle = retrain(session_on(session.project.folder), walk()).cycle
    assert cycle.outcome == "passed"
    assert f"insource deploy shadow {cycle.challenger}" in cycle.reason
    assert deployed(session)[0].challenger is None


def test_answers_of_the_cloud_are_trained_on_where_the_policy_allows_it_or_a_person_reviewed_them(champion):
    session, _ = champion
    calls = answered(session.project.workspace, documents(NEW, 60, seed=1))
    first = retrain(session, walk(), wanted="new supplier").cycle
    assert (first.outcome, first.collected.by_cloud) == ("nothing new", 60)
    assert rows_of(session, first).isdisjoint(calls)
    with open_workbench(again(session)) as bench:
        index = bench.following("to-label", "ann")
        assert index is None, "the queue is written by a look without a cycle"
    retrain(again(session), never)
    with open_workbench(again(session)) as bench:
        index = bench.following("to-label", "ann")
        item = bench.item("to-label", "ann", index)
        bench.save("ann", index, [FieldVerdict(item.fields[0].pointer, "accepted")])
    second = retrain(again(session), walk(), wanted="one is reviewed").cycle
    assert rows_of(session, second) & set(calls) == {item.row.row_id}
    write_policy(
        session.project.policy_path, (TeacherRule(model="openai/*", train="allow", terms="2026-11"),)
    )
    third = retrain(again(session), walk(), wanted="the terms allow it").cycle
    assert set(calls) <= rows_of(session, third)
    assert any("only the cloud labelled are left out" in note for note in third.ruling.notes)


def rows_of(session, cycle):
    dataset = load_dataset(session.project.datasets_path / cycle.dataset)
    return {one.row_id for examples in dataset.splits.values() for one in examples}


def test_a_log_as_the_source_gives_no_answer_of_the_local_model(project, tmp_path, monkeypatch):
    folder = project((), CONFIG.replace("[dataset]\n", '[dataset]\nformat = "log"\n'))
    monkeypatch.setattr(pipeline, "make_model", stand_in(tmp_path / "engine"))
    session = session_on(folder)
    cloud = answered(session.project.workspace, documents(KNOWN, 150))
    answered(session.project.workspace, documents(KNOWN, 20, seed=9), to="local", model="small")
    before = walk()(session)
    assert before.dataset.dropped["answered-here"] == 20
    corrected(again(session), documents(NEW, 60, seed=1))
    cycle = retrain(again(session), walk()).cycle
    assert cycle.collected.rows == 0
    dataset = load_dataset(session.project.datasets_path / cycle.dataset)
    ids = {one.row_id for examples in dataset.splits.values() for one in examples}
    assert set(cloud) <= ids
    assert len(ids) == 210
    assert cycle.ruling.fresh.adjusted.outcome == "better"


def opaque(name, count):
    """Words that have nothing in common but the label that they stand for."""
    return tuple(blake2b(f"{name} {n}".encode(), digest_size=4).hexdigest() for n in range(count))


def test_worse_on_one_slice_keeps_the_champion_though_as_many_documents_got_better(
    project, tmp_path, monkeypatch
):
    """Live traffic teaches what was hard, and its corrections of one customer's documents are wrong."""
    vip = {label: opaque(f"vip {label}", 3) for label in KNOWN}
    hard = {label: opaque(f"hard {label}", 200) for label in KNOWN}
    rows = source_rows(84, vip, seed=5) + source_rows(240, hard, seed=6)
    for row, group in zip(rows, ["vip"] * 84 + ["others"] * 240, strict=True):
        row["group"] = group
    config = CONFIG.replace("[dataset]\n", '[dataset]\ngroup_by = "input"\n').replace(
        "test = 0.3", "test = 0.4"
    )
    folder = project(rows, config)
    monkeypatch.setattr(pipeline, "make_model", stand_in(tmp_path / "engine"))
    session = session_on(folder)
    before = walk()(session)
    wrong = dict(zip(KNOWN, (*list(KNOWN)[1:], next(iter(KNOWN))), strict=True))
    spoiled = [(text, wrong[label]) for text, label in documents(vip, 150, seed=7)]
    corrected(session, [*spoiled, *documents(hard, 700, seed=8)])
    cycle = retrain(again(session), walk()).cycle
    assert cycle.ruling.sealed.adjusted.outcome not in ("worse", "not comparable")
    assert (cycle.outcome, cycle.ruling.passes) == ("kept", False)
    assert "worse on one slice, group vip" in cycle.reason
    assert deployed(session)[0].champion.run_id == before.run_id
