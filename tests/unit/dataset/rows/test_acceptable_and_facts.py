"""Rows with several right values, and with the facts that a text has to contain."""

import pytest

from insource.dataset.rows.examples import example_of
from insource.dataset.rows.records import BadRow, row_of
from insource.dataset.rows.targets import Targets
from insource.types import Example, JsonSchema, Labels, Text

TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "type": "object",
    "properties": {"voltage": TEXT, "power": {"type": "object", "properties": {"phase": TEXT}}},
    "additionalProperties": False,
}
JSON = JsonSchema(definition=SCHEMA)


def row(output, **fields):
    return row_of({"input": "x", "output": output, **fields}, line=1, source="s")


def refused(contract, output, **fields):
    with pytest.raises(BadRow) as caught:
        Targets(contract, "null").of(row(output, **fields))
    return f"{caught.value.reason}: {caught.value.detail}"


def test_acceptable_values_reach_the_example():
    one = row({"voltage": "480 V"}, acceptable={"voltage": ["500 V", None], "power.phase": ["3"]})
    example = example_of(one, Targets(JSON, "null").of(one))
    assert example.acceptable == {"voltage": ("500 V", None), "power.phase": ("3",)}
    assert Example.model_validate_json(example.model_dump_json()) == example


def test_a_list_alone_is_for_labels_and_texts():
    assert row("a", acceptable=["b", "c"]).acceptable == {"": ("b", "c")}
    one = row("a", acceptable=["b"])
    assert Targets(Labels(names=("a", "b")), "null").of(one) == "a"


def test_facts_are_values_with_the_way_they_compare():
    one = row("text", facts=["480 V", {"value": 7, "compare": "number"}, {"any_of": ["a", "b"]}])
    assert one.facts == ({"any_of": ["480 V"]}, {"any_of": [7], "compare": "number"}, {"any_of": ["a", "b"]})
    assert Targets(Text(), "null").of(one) == "text"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"acceptable": "b"}, "wrong-type: `acceptable`"),
        ({"acceptable": {"voltage": "500 V"}}, "wrong-type: `acceptable`"),
        ({"acceptable": {"voltag": ["500 V"]}}, "wrong-type: `acceptable` names 'voltag'"),
        ({"acceptable": {"power.phase.x": ["1"]}}, "wrong-type: `acceptable` names"),
        ({"acceptable": {"voltage": [500]}}, "schema-violation: an acceptable value of voltage"),
        ({"facts": "480 V"}, "wrong-type: `facts`"),
        ({"facts": [True]}, "wrong-type: the fact"),
        ({"facts": [{"compare": "number"}]}, "wrong-type: the fact"),
        ({"facts": [{"value": "a", "any_of": ["b"]}]}, "wrong-type: the fact"),
        ({"facts": [{"value": "a", "compare": "numbr"}]}, "invalid-schema:"),
    ],
)
def test_what_is_wrong_is_a_reason_to_leave_the_row_out(fields, said):
    try:
        found = refused(JSON, {"voltage": "480 V"}, **fields)
    except BadRow as bad:  # wrong already when the record is read
        found = f"{bad.reason}: {bad.detail}"
    assert said in found


def test_acceptable_texts_are_texts():
    assert "list of texts" in refused(Text(), "a", acceptable=[1])
    assert "list of texts" in refused(Text(), "a", acceptable={"x": ["b"]})


def test_a_row_without_them_keeps_the_bytes_and_digest_of_its_example():
    one = row({"voltage": "480 V"})
    example = example_of(one, Targets(JSON, "null").of(one))
    assert {"acceptable", "facts"} & set(example.model_dump()) == set()
    # The digest that commit 8986c2e gave to this row.
    assert example.digest == "0b22fc3ae71d8f86d4c5699fe593461ff2cf5a8562e748417ea00caa6b5b1fbd"
    other = row({"voltage": "480 V"}, facts=["x"])
    assert example_of(other, example.target).digest != example.digest
