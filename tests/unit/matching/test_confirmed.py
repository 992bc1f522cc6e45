"""Comparators proposed from labels, confirmed in insource.toml, honoured by scoring."""

import json
import tomllib

import pytest

from insource.evaluation.scorers import build_scorer
from insource.foundation.errors import ConfigError
from insource.matching.confirmed import declaration, paths_of, with_comparators
from insource.matching.proposals import as_toml, propose
from insource.types import Completion, Example, JsonSchema, Provenance, Task

TEXT = {"type": ["string", "null"]}
LINE = {"type": "object", "properties": {"sku": TEXT, "weight": TEXT}}
SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": TEXT,
        "due": TEXT,
        "net": TEXT,
        "order": TEXT,
        "note": TEXT,
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "site": {"anyOf": [{"type": "object", "properties": {"height": TEXT}}, {"type": "null"}]},
    },
    "$defs": {"line": LINE},
}


def labels(count=20):
    for n in range(count):
        yield {
            "voltage": f"{100 + 20 * n} V" if n % 3 else f"{n + 1} kV",
            "due": f"{n + 1:02}/0{n % 9 + 1}/2026",
            "net": f"{n + 1}.{n:03},50",
            "order": f"EQ-{7919 * (n + 3)}",
            "note": f"call {'again ' * (n % 4)}tomorrow",
            "lines": [{"sku": f"A{n}x{n}", "weight": f"{n + 1},5 kg"}],
            "site": {"height": f"{n} m"},
        }


def scored(comparators, gold, answer, schema=SCHEMA, **fields):
    task = Task(name="t", instruction="i", output=JsonSchema(definition=schema), comparators=comparators)
    one = Example(
        row_id="r",
        digest="0",
        input="…",
        target=json.dumps(gold),
        provenance=Provenance(source="s"),
        **fields,
    )
    found = build_scorer(task)(one, Completion(text=json.dumps(answer)))
    return {slot.path: slot.bucket for slot in found.slots if slot.gold is not None}


def test_each_field_gets_the_comparator_that_its_labels_ask_for():
    found = {one.path: one for one in propose(labels(), SCHEMA)}
    assert {path: one.said for path, one in found.items()} == {
        "voltage": "quantity:V",
        "due": "date:day-first",
        "net": "number:decimal=,",
        "order": "id",
        "lines[].sku": "id",
        "lines[].weight": "quantity:kg",
        "site.height": "quantity:m",
    }
    assert found["voltage"].reason == "20 of 20 values are an amount with a unit of one kind"
    assert len(found["voltage"].examples) == 3
    assert "only as day-first" in found["due"].reason


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([f"0{n % 9 + 1}/0{n % 7 + 1}/2026" for n in range(20)], "date"),  # nothing tells the order
        ([f"{n % 9 + 1}/{n + 11}/2026" for n in range(19)], "date:month-first"),
        ([f"2026-01-{n + 10}" for n in range(20)], "date"),
        ([f"{n} V" for n in range(10)] + [f"{n} A" for n in range(10)], None),  # two kinds
        ([f"{n} V" for n in range(15)] + ["about ten", "high", "low", "n/a", "none"], None),
        ([f"{n:05}" for n in range(20)], "id"),  # a leading zero counts
        (["yes", "no"] * 10, None),
        (["480 V"] * 4, None),  # too few
    ],
)
def test_what_is_proposed_for_one_field(values, said):
    schema = {"type": "object", "properties": {"f": TEXT}}
    found = propose(({"f": value} for value in values), schema)
    assert [one.said for one in found] == ([said] if said else [])


def test_what_the_schema_says_is_not_proposed_over():
    schema = {"type": "object", "properties": {"voltage": {**TEXT, "x-insource": {"compare": "exact"}}}}
    assert propose(({"voltage": f"{n} V"} for n in range(20)), schema) == ()


def test_the_block_is_a_comment_and_without_its_marks_a_configuration():
    block = as_toml(propose(labels(), SCHEMA))
    assert tomllib.loads(block) == {}
    confirmed = "\n".join(line.removeprefix("# ") for line in block.splitlines()[1:])
    said = tomllib.loads(confirmed)["task"]["comparators"]
    assert said["lines[].weight"] == "quantity:kg"
    assert with_comparators(SCHEMA, said) != SCHEMA


def test_an_odd_name_cannot_leave_its_line():
    schema = {"type": "object", "properties": {'a"\\\nb': TEXT}}
    block = as_toml(propose(({'a"\\\nb': f"{n} V\n[log]"} for n in range(20)), schema))
    assert tomllib.loads(block) == {}


A_KILO, GRAMS = {"sku": "a", "weight": "1 kg"}, {"weight": "1000 g"}


@pytest.mark.parametrize(
    ("path", "said", "gold", "answer", "before"),
    [
        ("voltage", "quantity:V", {"voltage": "480 V"}, {"voltage": "0.48 kV"}, "wrong"),
        ("voltage", "quantity:V:abs_tol=5", {"voltage": "480 V"}, {"voltage": "484"}, "wrong"),
        ("due", "date:day-first", {"due": "03/04/2026"}, {"due": "2026-04-03"}, "wrong"),
        ("lines[].weight", "quantity", {"lines": [A_KILO]}, {"lines": [A_KILO | GRAMS]}, "wrong"),
        ("site.height", "quantity", {"site": {"height": "1 m"}}, {"site": {"height": "100 cm"}}, "wrong"),
        ("order", "id", {"order": "EQ 1"}, {"order": "eq1"}, "wrong"),
    ],
)  # fmt: skip
def test_a_confirmed_comparator_is_honoured(path, said, gold, answer, before):
    assert scored({}, gold, answer)[path] == before
    assert scored({path: said}, gold, answer)[path] == "correct"


def test_a_confirmed_kind_of_list_is_honoured():
    schema = {"type": "object", "properties": {"steps": {"type": "array", "items": {"type": "string"}}}}
    gold, turned = {"steps": ["a", "b"]}, {"steps": ["b", "a"]}
    assert scored({}, gold, turned, schema)["steps[]"] == "correct"
    assert scored({"steps": "sequence"}, gold, turned, schema)["steps[]"] == "wrong"


def test_a_document_with_a_schema_of_its_own_is_compared_so_where_it_has_the_field():
    own = {"type": "object", "properties": {"voltage": TEXT, "other": TEXT}}
    gold, answer = {"voltage": "480 V", "other": "1 m"}, {"voltage": "0.48 kV", "other": "100 cm"}
    found = scored({"voltage": "quantity", "due": "date"}, gold, answer, contract=own)
    assert found == {"voltage": "correct", "other": "wrong"}


@pytest.mark.parametrize(
    ("comparators", "hint"),
    [
        ({"voltag": "quantity"}, 'Is "voltage" meant?'),
        ({"voltage": "quantiy:V"}, "quantity"),
        ({"voltage": "quantity:abs_tol=many"}, "Correct it"),
        ({"voltage": "number:tolerance=1"}, "Use one of"),
        ({"voltage": ""}, "Use one of"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_scored(comparators, hint):
    task = Task(name="t", instruction="i", output=JsonSchema(definition=SCHEMA), comparators=comparators)
    with pytest.raises(ConfigError) as caught:
        build_scorer(task)
    assert caught.value.code == "unknown-comparator"
    assert hint in caught.value.hint


def test_what_a_comparator_may_say():
    assert declaration("id:automation:cost=3") == {"compare": "id", "automation": True, "cost": 3.0}
    assert declaration("date:month-first") == {"compare": "date", "day_first": False}
    assert declaration("number:decimal=,:derived") == {"compare": "number", "decimal": ",", "derived": True}
    assert declaration("set") == {"list": "set"}


def test_a_schema_that_refers_to_itself_has_finitely_many_paths():
    schema = {
        "type": "object",
        "properties": {"name": TEXT, "parts": {"type": "array", "items": {"$ref": "#"}}},
    }
    assert set(paths_of(schema)) == {"name", "parts", "parts[]", "parts[].name", "parts[].parts"}
