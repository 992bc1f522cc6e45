"""Slots: which leaves are compared with which, and in which bucket they land."""

from __future__ import annotations

import pytest

from insource.matching.align import align, is_empty

POWER = {
    "type": "object",
    "properties": {
        "power": {
            "type": ["object", "null"],
            "properties": {
                "voltage": {"type": ["string", "null"], "x-insource": {"compare": "quantity", "unit": "V"}},
                "phase": {"type": ["string", "null"]},
            },
        },
        "protocols": {"type": ["array", "null"], "items": {"type": "string"}},
        "years": {"type": ["integer", "null"]},
    },
}
LINES = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "qty": {"type": "integer"}, "note": {}},
            },
        }
    },
}
GOLD = {"power": {"voltage": "480 V", "phase": None}, "protocols": ["Modbus", "CAN"], "years": 2}


def buckets(gold, predicted, schema=POWER, **options):
    return [(slot.path, slot.bucket) for slot in align(gold, predicted, schema, **options)]


def test_each_leaf_is_in_one_bucket():
    answer = {"power": {"voltage": "400 V", "phase": "3-phase"}, "protocols": ["CAN"], "years": 2}
    assert buckets(GOLD, answer) == [
        ("power.voltage", "wrong"),
        ("power.phase", "invented"),
        ("protocols[]", "missed"),
        ("protocols[]", "correct"),
        ("years", "correct"),
    ]


@pytest.mark.parametrize(
    "nothing",
    [None, {}, {"power": None}, {"power": {}, "protocols": []}, {"years": None, "power": {"phase": ""}}],
)
def test_nothing_is_nothing_however_it_is_said(nothing):
    empty = {"power": {"voltage": None, "phase": None}, "protocols": None, "years": None}
    assert {bucket for _, bucket in buckets(empty, nothing)} == {"correctly_empty"}
    assert len(buckets(empty, nothing)) == 4


def test_null_keys_nobody_declared_change_nothing():
    assert buckets(GOLD, {**GOLD, "weight": None, "more": {"a": []}}) == buckets(GOLD, GOLD)


def test_an_undeclared_key_is_one_invented_slot_whatever_it_holds():
    answer = {**GOLD, "weight": {"kg": 4, "lb": 9}, "power": {**GOLD["power"], "hz": 50}}
    extra = [slot for slot in buckets(GOLD, answer) if slot not in buckets(GOLD, GOLD)]
    assert extra == [("power.*", "invented"), ("*", "invented")]


def test_a_value_where_an_object_belongs_is_invented_beside_the_missed_leaves():
    assert buckets(GOLD, {**GOLD, "power": "480 V"})[:3] == [
        ("power.voltage", "missed"),
        ("power.phase", "correctly_empty"),
        ("power.*", "invented"),
    ]


@pytest.mark.parametrize(
    ("kind", "predicted", "expected"),
    [
        ("multiset", ["b", "a", "a"], {"correct": 3}),
        ("multiset", ["a", "b"], {"correct": 2, "missed": 1}),
        ("set", ["b", "a"], {"correct": 2}),
        ("set", ["a", "b", "b", "c"], {"correct": 2, "invented": 1}),
        ("sequence", ["a", "a", "b"], {"correct": 3}),
        ("sequence", ["b", "a", "a"], {"correct": 1, "wrong": 2}),
    ],
)
def test_list_kinds(kind, predicted, expected):
    schema = {"type": "array", "items": {"type": "string"}, "x-insource": {"list": kind}}
    found = [bucket for _, bucket in buckets(["a", "a", "b"], predicted, schema)]
    assert {bucket: found.count(bucket) for bucket in found} == expected


def test_tolerant_items_are_matched_so_that_most_agree():
    schema = {"type": "array", "items": {"type": "number", "x-insource": {"compare": "number", "abs_tol": 1}}}
    assert [b for _, b in buckets([11, 10], [10, 12], schema)] == ["correct", "correct"]


def test_rows_are_aligned_by_content_not_by_position():
    gold = {"lines": [{"sku": "A", "qty": 1, "note": None}, {"sku": "B", "qty": 2, "note": "x"}]}
    answer = {"lines": [{"sku": "B", "qty": 2, "note": "x"}, {"sku": "A", "qty": 7}]}
    assert buckets(gold, answer, LINES) == [
        ("lines[].sku", "correct"),
        ("lines[].qty", "wrong"),
        ("lines[].note", "correctly_empty"),
        ("lines[].sku", "correct"),
        ("lines[].qty", "correct"),
        ("lines[].note", "correct"),
    ]


def test_a_junk_row_is_not_paired_with_a_real_one():
    gold = {"lines": [{"sku": "A", "qty": 1, "note": "blue"}]}
    answer = {"lines": [{"sku": "Total", "qty": 1, "note": "page 1"}]}
    assert sorted(buckets(gold, answer, LINES)) == sorted(
        [(f"lines[].{key}", bucket) for key in ("sku", "qty", "note") for bucket in ("missed", "invented")]
    )


def test_equal_rows_are_paired_in_order():
    row = {"sku": "A", "qty": 1, "note": None}
    slots = align({"lines": [row, row]}, {"lines": [row, {**row, "note": "x"}]}, LINES)
    assert [slot.bucket for slot in slots if slot.path == "lines[].note"] == ["correctly_empty", "invented"]


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("Red", ["red"], ["correct"]),
        (["Red"], "red", ["correct"]),
        ("Red", "Blue", ["wrong"]),
        (["Red", "Blue"], "Blue", ["missed", "correct"]),
        (None, [], ["correctly_empty"]),
        (None, ["Red"], ["invented"]),
    ],
)
def test_a_scalar_is_a_list_of_one_where_both_are_allowed(gold, predicted, expected):
    schema = {"type": "object", "properties": {"color": {"type": ["string", "array", "null"]}}}
    found = align({"color": gold}, {"color": predicted}, schema)
    assert [slot.bucket for slot in found] == expected
    assert {slot.path for slot in found} == {"color"}


def test_unscored_judges_what_the_label_names_and_undeclared_keys():
    answer = {"years": 3, "protocols": ["CAN"], "weight": "4 kg"}
    assert buckets({"years": 2}, answer, absent="unscored") == [("years", "wrong"), ("*", "invented")]
    assert buckets({"years": None}, {}, absent="unscored") == [("years", "correctly_empty")]


def test_references_and_nullable_unions_are_followed():
    schema = {
        "type": "object",
        "properties": {"power": {"anyOf": [{"$ref": "#/$defs/Power"}, {"type": "null"}]}},
        "$defs": {"Power": POWER["properties"]["power"]},
    }
    gold = {"power": {"voltage": "480 V", "phase": None}}
    assert buckets(gold, {"power": {"voltage": "0.48 kV"}}, schema) == [
        ("power.voltage", "correct"),
        ("power.phase", "correctly_empty"),
    ]


def test_a_recursive_schema_ends():
    node = {"type": "object", "properties": {"child": {"$ref": "#"}, "name": {"type": "string"}}}
    assert len(align({"name": "a", "child": {"name": "b"}}, {}, node)) < 100


def test_without_a_schema_the_label_is_the_schema():
    assert buckets({"a": 1, "b": ["x"]}, {"a": 1, "b": ["y"], "c": 2}, None) == [
        ("a", "correct"),
        ("b[]", "missed"),
        ("b[]", "invented"),
        ("*", "invented"),
    ]


@pytest.mark.parametrize(("value", "empty"), [(0, False), (False, False), (" ", True), ([None, {}], True)])
def test_zero_and_false_are_values(value, empty):
    assert is_empty(value) is empty
