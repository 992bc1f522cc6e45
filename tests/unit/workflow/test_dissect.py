"""What the tuned language model adds is measured against the best arm without one, by slice and field."""

import json
from pathlib import Path

import pytest
from support.arms import dataset_of
from support.orders import TASK, orders
from support.walks import FakeDisplay, session_on

from insource.evaluation.metrics import summarise
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import Evaluated
from insource.report.sections.comparing.slices import added
from insource.runs.folders import Run
from insource.types import Arm, Completion, EvalRecord
from insource.workflow.dissect import dissect


def measured(examples, name, kind, errs):
    """An arm that answers wrongly where ``errs`` says so: another drink."""
    score, records = build_scorer(TASK), []
    for place, one in enumerate(examples):
        answer = json.loads(one.target)
        if errs(place):
            answer["order"]["drink"] = "water"
        said = Completion(text=json.dumps(answer), latency_s=0.1)
        made = score(one, said)
        records.append(EvalRecord(row_id=one.row_id, status="scored", completion=said, score=made))
    arm = Arm(name=name, model=name, kind=kind, role="candidate", local=True)
    run = Run(stage="evaluate", run_id=name, path=Path(name), manifest={"key": name})
    return Evaluated(run, summarise(arm, "test", records), tuple(records))


@pytest.fixture
def walk(project):
    return session_on(project(), FakeDisplay())


def parts_of(walk, examples, arms):
    return dissect(walk, dataset_of((), examples, TASK), TASK, arms, ())


def test_the_best_classical_arm_is_the_measure(walk):
    examples = tuple(orders(80))
    arms = [
        measured(examples, "crf", "tagger", lambda place: place % 2),
        measured(examples, "spans", "classical fields", lambda place: place % 3 == 0),
        measured(examples, "few-shot", "prompted", lambda place: False),
        measured(examples, "tuned", "tuned", lambda place: False),
    ]
    found = parts_of(walk, examples, arms).added
    assert (found.candidate, found.baseline) == ("tuned", "spans")
    drink = next(one for one in found.found if one.name == "order.drink")
    assert drink.kind == "field"
    assert drink.difference.value == pytest.approx(27 / 80)
    assert drink.q_value < 0.05


def test_the_section_names_where_it_is_better(walk):
    examples = tuple(orders(80))
    arms = [
        measured(examples, "spans", "classical fields", lambda place: place % 3 == 0),
        measured(examples, "tuned", "tuned", lambda place: False),
    ]
    found = parts_of(walk, examples, arms).added
    assert "field: order.drink" in _lead(found)
    assert "better on" in _lead(found)
    turned = parts_of(walk, examples, [arms[0], measured(examples, "tuned", "tuned", lambda place: True)])
    assert "worse on" in _lead(turned.added)


def _lead(found):
    from support.example_results import example_result

    return added(example_result(added=found)).lead[0]


def test_equal_arms_add_nothing(walk):
    examples = tuple(orders(80))
    arms = [
        measured(examples, "spans", "classical fields", lambda place: False),
        measured(examples, "tuned", "tuned", lambda place: False),
    ]
    assert "shows no difference" in _lead(parts_of(walk, examples, arms).added)


@pytest.mark.parametrize("kind", ["tuned", "classical fields"])
def test_one_of_them_alone_adds_nothing(walk, kind):
    examples = tuple(orders(40))
    assert parts_of(walk, examples, [measured(examples, "one", kind, lambda place: False)]).added is None
