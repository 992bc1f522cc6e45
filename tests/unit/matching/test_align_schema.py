"""Comparators hold wherever a schema says them, and slots end where values end."""

import pytest

from insource.matching.align import align

VOLTS = {"type": "string", "x-insource": {"compare": "quantity"}}
DAY = {"type": "string", "format": "date"}


def object_of(**properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


PUMP = object_of(kind={"const": "pump"}, volts=VOLTS, built=DAY)
VISIT = object_of(kind={"const": "visit"}, day=DAY)
PUMPED = (
    {"kind": "pump", "volts": "480 V", "built": "2024-03-01"},
    {"kind": "pump", "volts": "0.48 kV", "built": "1 March 2024"},
)
VISITED = ({"kind": "visit", "day": "2024-03-01"}, {"kind": "visit", "day": "1 March 2024"})


def found(gold, predicted, schema, **options):
    return [(slot.path, slot.bucket) for slot in align(gold, predicted, schema, **options)]


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
@pytest.mark.parametrize(("gold", "predicted"), [PUMPED, VISITED])
def test_the_branch_that_the_label_keeps_to_compares(keyword, gold, predicted):
    schema = object_of(
        job={keyword: [PUMP, VISIT]}, jobs={"type": "array", "items": {keyword: [PUMP, VISIT]}}
    )
    slots = align({"job": gold, "jobs": [gold]}, {"job": predicted, "jobs": [predicted]}, schema)
    assert {slot.bucket for slot in slots} == {"correct"}
    assert {slot.path.split(".")[0] for slot in slots} == {"job", "jobs[]"}


def test_an_answer_of_another_branch_misses_the_label_and_invents():
    schema = object_of(job={"anyOf": [PUMP, VISIT]})
    assert found({"job": PUMPED[0]}, {"job": VISITED[0]}, schema) == [
        ("job.kind", "wrong"),
        ("job.volts", "missed"),
        ("job.built", "missed"),
        ("job.*", "invented"),
    ]


def test_where_the_label_is_empty_the_answers_branch_counts():
    schema = object_of(job={"anyOf": [PUMP, VISIT, {"type": "null"}]})
    assert found({"job": None}, {"job": VISITED[0]}, schema) == [
        ("job.kind", "invented"),
        ("job.day", "invented"),
    ]
    assert found({"job": None}, {"job": None}, schema) == [("job", "correctly_empty")]


def test_rows_of_several_kinds_find_their_partners():
    schema = object_of(jobs={"type": "array", "items": {"oneOf": [PUMP, VISIT]}})
    slots = align({"jobs": [PUMPED[0], VISITED[0]]}, {"jobs": [VISITED[1], PUMPED[1]]}, schema)
    assert {slot.bucket for slot in slots} == {"correct"}


def test_one_object_or_a_list_of_them():
    schema = object_of(job={"anyOf": [PUMP, {"type": "array", "items": PUMP}]})
    for gold in (PUMPED[0], [PUMPED[0]]):
        for predicted in (PUMPED[1], [PUMPED[1]]):
            assert {bucket for _, bucket in found({"job": gold}, {"job": predicted}, schema)} == {"correct"}


def test_scalar_branches_have_their_own_comparators():
    schema = object_of(
        v={"anyOf": [{"type": "number"}, VOLTS]},
        w={"type": "array", "items": {"anyOf": [{"type": "number"}, VOLTS]}},
    )
    assert found({"v": "480 V", "w": ["480 V"]}, {"v": "0.48 kV", "w": ["0.48 kV"]}, schema) == [
        ("v", "correct"),
        ("w[]", "correct"),
    ]
    assert found({"v": 480, "w": [480]}, {"v": 400, "w": [480.0]}, schema) == [
        ("v", "wrong"),
        ("w[]", "correct"),
    ]


@pytest.mark.parametrize(
    "inner",
    [
        {"type": "object", "additionalProperties": VOLTS},
        {"type": "object", "patternProperties": {"^in": VOLTS}},
        {"type": "object", "properties": {"in": VOLTS}},
        {"allOf": [{"type": "object"}, {"properties": {"in": VOLTS}}]},
        {"if": {"required": ["in"]}, "then": {"properties": {"in": VOLTS}}},
        {"dependentSchemas": {"in": {"properties": {"in": VOLTS}}}},
    ],
)
def test_a_key_has_its_comparator_however_it_is_declared(inner):
    assert found({"x": {"in": "480 V"}}, {"x": {"in": "0.48 kV"}}, object_of(x=inner)) == [
        ("x.in", "correct")
    ]


def test_items_with_a_schema_of_their_own_compare_by_position():
    schema = object_of(v={"type": "array", "prefixItems": [VOLTS, VOLTS], "items": DAY})
    gold = {"v": ["480 V", "600 V", "2024-03-01", "2024-03-02"]}
    assert found(gold, {"v": ["0.48 kV", "0.6 kV", "2 March 2024", "1 March 2024"]}, schema) == [
        ("v[0]", "correct"),
        ("v[1]", "correct"),
        ("v[]", "correct"),
        ("v[]", "correct"),
    ]
    assert found({"v": ["480 V", "600 V"]}, {"v": ["600 V", "480 V"]}, schema) == [
        ("v[0]", "wrong"),
        ("v[1]", "wrong"),
    ]
    assert found({"v": ["480 V"]}, {"v": []}, schema) == [("v[0]", "missed"), ("v[1]", "correctly_empty")]


def test_a_mixed_enum_tells_the_number_from_the_text():
    schema = object_of(v={"enum": [1, "1", 2.0, True]})
    assert found({"v": 1}, {"v": "1"}, schema) == [("v", "wrong")]
    assert found({"v": "1"}, {"v": 1}, schema) == [("v", "wrong")]
    assert found({"v": 1}, {"v": True}, schema) == [("v", "wrong")]
    assert found({"v": 2}, {"v": 2.0}, schema) == [("v", "correct")]


TREE = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "left": {"$ref": "#/$defs/node"},
        "right": {"$ref": "#/$defs/node"},
    },
    "$defs": {"node": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
}


def tree(depth):
    return {"name": f"at {depth}", "left": tree(depth - 1) if depth else None, "right": None}


@pytest.mark.parametrize("depth", [0, 1, 5, 40])
def test_a_schema_that_refers_to_itself_has_slots_as_deep_as_the_values(depth):
    slots = found(tree(depth), tree(0), TREE)
    assert (
        len(slots) == 2 * (depth + 1) + 1
    )  # a name and an empty right side at each level, the last left side
    assert len(found(tree(0), tree(depth), TREE)) == len(slots)


@pytest.mark.parametrize("answer", [None, [], "x", [[["x"]]], {"a": 1}])
def test_items_by_position_that_lead_back_end_too(answer):
    pair = {"type": "array", "prefixItems": [{"$ref": "#/$defs/pair"}, {"type": "string"}]}
    schema = {"type": "object", "properties": {"v": {"$ref": "#/$defs/pair"}}, "$defs": {"pair": pair}}
    assert len(found({"v": [[[], "b"], "a"]}, {"v": answer}, schema)) < 10
    assert len(found({"v": None}, {"v": answer}, schema)) < 10


def test_a_value_in_place_of_items_by_position_is_invented():
    schema = object_of(v={"type": "array", "prefixItems": [VOLTS]})
    assert found({"v": ["480 V"]}, {"v": "480 V"}, schema) == [("v[0]", "missed"), ("v[]", "invented")]


def test_types_that_refer_to_each_other_do_not_multiply():
    names = [f"t{n}" for n in range(12)]
    types = {
        name: {
            "type": "object",
            "properties": {"v": VOLTS, **{other: {"$ref": f"#/$defs/{other}"} for other in names}},
        }
        for name in names
    }
    schema = {"$ref": "#/$defs/t0", "$defs": types}
    assert len(found({"v": "1 V", "t3": {"v": "2 V"}}, {}, schema)) == 25
    assert len(found({}, {}, schema)) == 13


def test_a_schema_that_doubles_at_each_level_does_not_explode():
    levels = {
        f"l{n}": {"properties": {key: {"$ref": f"#/$defs/l{n + 1}"} for key in "ab"}} for n in range(40)
    }
    schema = {"$ref": "#/$defs/l0", "$defs": {**levels, "l40": {"type": "string"}}}
    assert found({"a": {"b": {"a": "x"}}}, {}, schema)[0] == ("a.a", "correctly_empty")
    assert len(found({"a": {"b": {"a": "x"}}}, {}, schema)) < 10
