"""What a run found becomes one document and a report, in a folder that is whole or absent."""

import json

import pytest
from support.arms import dataset_of, made_of
from support.judged_answers import halving, kept, summary_of
from support.retentions import retention
from support.walks import FakeDisplay, session_on

from insource.runs.folders import MANIFEST, Run
from insource.runs.result import load
from insource.types import Policy, Served
from insource.types.choice import Choice
from insource.workflow import conclude as concluding
from insource.workflow.conclude import (
    SHOWN_DISAGREEMENTS,
    Findings,
    assemble,
    disagreements,
    keep,
    with_measured,
)
from insource.workflow.confidence import Learned
from insource.workflow.decide import decide
from insource.workflow.dissect import Parts
from insource.workflow.evaluate import evaluate_arms
from insource.workflow.judge import judge
from insource.workflow.route import Calibrated
from insource.workflow.servable import confidence_of

POLICY = Policy(
    max_error=0.1,
    delta=0.05,
    threshold=None,
    basis="infeasible",
    expected_local_share=0.0,
    calibration_n=0,
    reason="nothing to calibrate on",
)


@pytest.fixture
def found(project, rows, label_task, tmp_path):
    """A session and the findings of a walk whose model knows half of the answers."""
    session = session_on(project(config="[task]\nname = 'tickets'\n"), FakeDisplay())
    examples = rows.examples(rows.tickets(60))
    dataset = dataset_of(examples[:10], examples[10:], label_task)
    made = made_of(label_task, tmp_path, examples)
    for messages in list(made.local.answers)[::2]:
        made.local.answers[messages] = "nobody's"
    choice = Choice(candidate="tuned", baseline="floor", metric="accuracy", margin=0.02, trials=(), reason="")
    evaluated = evaluate_arms(session, dataset, label_task, made, choice=choice)
    judged = judge(session, dataset, label_task, evaluated, choice)
    return session, Findings(
        dataset=dataset,
        task=label_task,
        made=made,
        choice=choice,
        registration=None,
        evaluated=evaluated,
        judged=judged,
        parts=Parts(),
        calibrated=Calibrated(POLICY, evaluated[0], Served(arm="tuned", model="small")),
        decided=decide(session, dataset, label_task, evaluated, judged, choice),
    )


def test_what_was_measured_since_is_kept_beside_the_finished_run(found):
    session, findings = found
    first = keep(session, assemble(session, findings, test_looks=3))
    assert first.retention is None
    second = keep(session, with_measured(session, first, retention=retention()))
    assert second.run_id != first.run_id
    runs = session.project.runs
    assert load(runs, first.run_id)[0].retention is None
    read, report = load(runs, second.run_id)
    assert read.retention == retention()
    assert second.run_id in read.paths["report"]
    assert "What did training memorise" in (report / "report.html").read_text(encoding="utf-8")


def test_what_is_kept_is_what_is_read_back(found):
    session, findings = found
    result = keep(session, assemble(session, findings, test_looks=3))
    kept, folder = load(session.project.runs)
    assert kept == result
    assert (kept.test_looks, kept.base_digest, kept.max_new_tokens) == (
        3,
        findings.made.local.base.digest,
        50,
    )
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads((folder / MANIFEST).read_text())["result"]["verdict"] == result.verdict.outcome


def test_a_report_that_fails_leaves_no_run(found, monkeypatch):
    session, findings = found

    def fails(result, path):
        raise OSError("no space")

    monkeypatch.setattr(concluding, "write_report", fails)
    before = list(session.project.runs.complete("run"))
    with pytest.raises(OSError, match="no space"):
        keep(session, assemble(session, findings, test_looks=1))
    assert list(session.project.runs.complete("run")) == before == []


def test_the_worst_documents_of_the_candidate_are_shown_with_every_answer(found):
    _, findings = found
    shown = disagreements(findings.dataset, findings.evaluated, "tuned")
    assert len(shown) == SHOWN_DISAGREEMENTS
    assert all(one.answers["tuned"] == "nobody's" for one in shown)
    assert all({"floor", "tuned"} <= one.answers.keys() for one in shown)
    others = [one for one in findings.evaluated if one.evaluation.arm.role != "candidate"]
    assert disagreements(findings.dataset, others, "tuned") == ()


def test_the_result_names_the_confidence_that_its_policy_is_about(found, tmp_path):
    """Without it, nobody could serve what was certified; a policy of the stated one names no file."""
    session, findings = found
    confidence = halving()
    run = Run(stage="confidence", run_id="c1", path=tmp_path, manifest={"key": "k"})
    learned = Learned(run, confidence, frozenset(), "learned")
    calibrated = findings.calibrated._replace(learned=learned, confidence=summary_of(confidence))
    result = assemble(session, findings._replace(calibrated=calibrated), test_looks=1)
    assert result.paths["confidence"] == str(kept(tmp_path, confidence))
    assert result.digests["confidence"] == confidence.digest == result.routing.confidence.digest
    assert confidence_of(result) == confidence
    stated = learned._replace(confidence=None)
    plain = assemble(
        session,
        findings._replace(calibrated=calibrated._replace(learned=stated, confidence=None)),
        test_looks=1,
    )
    assert "confidence" not in plain.paths.keys() | plain.digests.keys()
