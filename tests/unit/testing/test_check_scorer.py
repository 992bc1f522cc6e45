"""The conformance suite of scorers, over every built-in one; a scorer that breaks a rule is named."""

import itertools
import json

import pytest

from insource.evaluation.scorers import build_scorer
from insource.matching.surface import SurfaceForms
from insource.testing import check_scorer
from insource.types import Example, JsonSchema, Labels, Provenance, Score, SlotScore, Style, Task, Text

TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": {**TEXT, "x-insource": {"compare": "quantity", "automation": True}},
        "due": {**TEXT, "format": "date", "x-insource": {"cost": 2}},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": TEXT, "qty": {"type": "integer"}}},
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}
OBJECTS = [
    {
        "voltage": "480 V",
        "due": None,
        "lines": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}],
        "tags": ["x"],
    },
    {"voltage": None, "due": "2026-03-01", "lines": [], "tags": ["x", "y"]},
    {"voltage": None, "due": None, "lines": [], "tags": []},
]
FACTS = ({"any_of": ["480 V"], "compare": "quantity"},)


def examples(targets, **fields):
    return [
        Example(
            row_id=f"r{n}",
            digest=str(n),
            input="…",
            target=target,
            provenance=Provenance(source="s"),
            **fields,
        )
        for n, target in enumerate(targets)
    ]


JSON = JsonSchema(definition=SCHEMA)
JSON_TARGETS = [json.dumps(one) for one in OBJECTS]
CASES = {
    "json": (Task(name="t", instruction="i", output=JSON), examples(JSON_TARGETS)),
    "json, unscored": (
        Task(name="t", instruction="i", output=JSON, absent_fields="unscored"),
        examples(JSON_TARGETS),
    ),
    "json, abstaining": (
        Task(name="t", instruction="i", output=JSON, abstain_with=("UNREADABLE", "480 V")),
        examples(JSON_TARGETS),
    ),
    "json, confirmed": (
        Task(name="t", instruction="i", output=JSON, comparators={"tags": "sequence", "lines[].sku": "id"}),
        examples(JSON_TARGETS),
    ),
    "json, acceptable": (
        Task(name="t", instruction="i", output=JSON),
        examples(JSON_TARGETS, acceptable={"voltage": (None, "500 V"), "lines": ([],)}),
    ),
    "labels": (
        Task(name="t", instruction="i", output=Labels(names=("a", "b", "c"))),
        examples(["a", "b", "c"], acceptable={"": ("b",)}),
    ),
    "text": (
        Task(name="t", instruction="i", output=Text(), style=Style(max_words=5, markup="none")),
        examples(["It runs at 480 V.", "Two words"], facts=FACTS),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_built_in_scorer_keeps_the_rules(case):
    task, documents = CASES[case]
    check_scorer(build_scorer(task), documents, generated=60)
    if task.output.kind == "json":
        surface = SurfaceForms.fit(OBJECTS, SCHEMA)
        check_scorer(build_scorer(task, surface), documents, generated=20)


def perfect(example, completion):
    right = completion.text == example.target and completion.finish_reason == "stop"
    bucket = "correct" if right else "wrong"
    slot = SlotScore(path="x", bucket=bucket, gold="a", predicted="b")
    return Score(slots=(slot,), parsed=True, repairable=True, schema_valid=True, canonical=True, exact=right)


def raises_on_odd_json(example, completion):
    return {"share": len(json.loads(completion.text))}


def forgets_the_cut(example, completion):
    return perfect(example, completion.model_copy(update={"finish_reason": "stop"}))


def invents_with_a_label(example, completion):
    found = perfect(example, completion)
    slot = found.slots[0].model_copy(update={"bucket": "correct" if found.exact else "invented"})
    return found.model_copy(update={"slots": (slot,)})


COUNTER = itertools.count()


def differs_each_time(example, completion):
    return {"n": next(COUNTER)}


def not_finite(example, completion):
    return {"log": float("-inf") if not completion.text else 0.0}


def by_order_of_keys(example, completion):
    return {"same": float(completion.text == example.target)}


def never_perfect(example, completion):
    return perfect(example, completion.model_copy(update={"text": "?"}))


@pytest.mark.parametrize(
    ("scorer", "rule"),
    [
        (raises_on_odd_json, "raises"),
        (forgets_the_cut, "ended with length is exact"),
        (invents_with_a_label, "invented"),
        (differs_each_time, "differ"),
        (not_finite, "the metric log"),
        (by_order_of_keys, "order of keys"),
        (never_perfect, "against itself"),
    ],
)
def test_a_broken_rule_is_named(scorer, rule):
    objects = scorer in (raises_on_odd_json, by_order_of_keys)
    targets = ['{"a":1,"b":2}', '{"a":2,"b":1}'] if objects else ["one", "two"]
    with pytest.raises(AssertionError, match=rule):
        check_scorer(scorer, examples(targets), generated=5)


def test_a_right_scorer_of_ones_own_passes():
    check_scorer(perfect, examples(["one", "two"]), generated=20)
    check_scorer(
        lambda example, completion: {"length": float(len(completion.text))}, examples(["one", "two"])
    )


def test_one_example_shows_nothing():
    with pytest.raises(AssertionError, match="two examples"):
        check_scorer(perfect, examples(["one"]))
