"""What insource.toml and the rows say about scoring, in force from the rows to the evaluation."""

import json

import pytest
from support.walks import session_on

from insource.arms.factory import CloudPrice
from insource.arms.logged import cloud_plan
from insource.foundation.errors import ConfigError
from insource.workflow.build import build_dataset
from insource.workflow.evaluate import evaluate_one

CLOUD = "openai/gpt-x"
MEASURED = """
[task]
name = "pumps"
schema = "schema.json"
abstain_with = ["UNREADABLE"]
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "rated": {"type": ["string", "null"]},
        "due": {"type": ["string", "null"]},
        "no": {"type": "string", "x-insource": {"automation": True}},
    },
    "required": ["rated", "due", "no"],
    "additionalProperties": False,
}


def pumps(count=60):
    """Every fifth answer respells the voltage, every seventh abstains, every tenth names no due date."""
    for n in range(count):
        label = {"rated": f"{100 + 7 * n} V", "due": f"2026-03-{n % 28 + 1:02}", "no": f"P-{5000 + 31 * n}"}
        said = dict(label)
        if n % 5 == 0:
            said["rated"] = f"{(100 + 7 * n) / 1000} kV"
        elif n % 7 == 1:
            said["rated"] = "UNREADABLE"
        if n % 10 == 1:
            said["due"] = None
        yield {
            "id": f"r{n}",
            "split": ("test", "train")[n % 3 == 0],
            "input": f"Pump {label['no']} for site {n * n}: {label['rated']}, delivered {label['due']}.",
            "output": label,
            "acceptable": {"due": [None]},
            "cloud_outputs": {CLOUD: json.dumps(said)},
        }


def evaluation_of(folder):
    session = session_on(folder)
    dataset, task = build_dataset(session)
    plan = cloud_plan(task, dataset, CLOUD, dataset.splits["test"], CloudPrice(None, ""))
    return evaluate_one(session, dataset, task, "test", plan)


def test_comparators_abstention_and_acceptable_values_count(project):
    folder = project(pumps(), MEASURED, files={"schema.json": SCHEMA})
    before = evaluation_of(folder).evaluation
    fields = {field.path: field for field in before.fields}
    n = before.n
    assert fields["due"].accuracy.value == 1  # null is acceptable
    assert fields["rated"].buckets["wrong"] == sum(map(respelled, pumps()))
    assert fields["rated"].buckets["abstained"] > 0
    assert before.metrics["exact_match"].value == 1  # only the number has to be right
    assert fields["no"].surface.pattern == "A-9999"
    assert {field.path: field.values for field in before.grounding}["no"] == n

    (folder / "insource.toml").write_text(f'{MEASURED}\n[task.comparators]\n"rated" = "quantity:V"\n')
    after = evaluation_of(folder).evaluation
    assert {f.path: f for f in after.fields}["rated"].buckets["wrong"] == 0
    tiers = {field.path: field.tiers for field in after.grounding}["rated"]
    assert tiers["quantity"] == fields["rated"].buckets["wrong"]


def respelled(one):
    return one["split"] == "test" and "kV" in one["cloud_outputs"][CLOUD]


SUPPORT = """
[task]
name = "replies"
instruction = "Reply to the customer."
primary_metric = "required_facts"
scorer = "mine.py:greets"
[task.style]
max_words = 12
forbidden_words = ["guarantee"]
"""
SCORER = """
def greets(example, completion):
    return {"greets": float(completion.text.startswith("Dear"))}
"""


def replies(count=40):
    for n in range(count):
        refund = f"{100 + 13 * n}.50 EUR"
        answer = f"Dear customer {n}, we refund {refund} for order {n * 37 + 11}."
        said = answer if n % 2 else f"We guarantee your money for order {n * 37 + 11}."
        yield {
            "id": f"r{n}",
            "split": ("test", "train")[n % 3 == 0],
            "input": f"Where is my refund for the order {n * 37 + 11} of week {n}?",
            "output": answer,
            "facts": [{"value": f"{100 + 13 * n}.5", "compare": "number"}, {"value": str(n * 37 + 11)}],
            "cloud_outputs": {CLOUD: said},
        }


def test_facts_style_and_a_scorer_of_ones_own_are_measured(project):
    folder = project(replies(), SUPPORT)
    (folder / "mine.py").write_text(SCORER)
    found = evaluation_of(folder).evaluation
    odd = sum(one["split"] == "test" and int(one["id"][1:]) % 2 for one in replies())
    share = odd / found.n
    assert found.metrics["required_facts"].value == pytest.approx(share + (1 - share) / 2)
    assert found.metrics["required_facts"].n == found.n
    assert found.metrics["style_forbidden_words"].value == pytest.approx(share)
    assert found.metrics["style_max_words"].value == 1
    assert found.metrics["greets"].value == pytest.approx(share)
    (folder / "mine.py").write_text(SCORER.replace("Dear", "We"))
    again = evaluation_of(folder)
    assert not again.run.skipped  # another scorer is another evaluation


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ('[task]\nscorer = "gone.py:f"\n', "scorer-unusable"),
        ('[task]\n[task.comparators]\n"x" = "quantity"\n', "unknown-comparator"),
    ],
)
def test_what_scoring_would_refuse_is_refused_before_anything_is_built(project, config, code):
    folder = project(
        pumps(),
        config.replace("[task]\n", '[task]\nschema = "schema.json"\n', 1),
        files={"schema.json": SCHEMA},
    )
    session = session_on(folder)
    with pytest.raises(ConfigError) as caught:
        build_dataset(session)
    assert caught.value.code == code
