"""A build shows that the grammar can write its labels, and names what cannot be honoured."""

import json

import pytest
from support.planted_rows import KINDS, look

from insource.dataset.build import build
from insource.foundation.errors import ConfigError, DataError
from insource.types import JsonSchema, Labels, Provenance, Row, Task

SCHEMA = {
    "type": "object",
    "properties": {"leak": {"type": "number", "minimum": 0}, "grade": {"enum": [1, 2, 9007199254740993]}},
    "required": ["leak", "grade"],
    "additionalProperties": False,
}
LEAKS = (1e-7, 2.5e-6, 0.4, 3e22, 5.0)


def rows(tmp_path, records):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def records(count, **changed):
    return [
        {
            "id": f"r{n}",
            "input": f"sensor {n}",
            "output": {"leak": LEAKS[n % 5], "grade": 1.0 + n % 2, **changed},
        }
        for n in range(count)
    ]


def test_the_manifest_says_that_every_label_can_be_written(tmp_path):
    dataset = build(rows(tmp_path, records(20)), name="t", output=JsonSchema(definition=SCHEMA))
    assert "The grammar can write each of the 20 labels." in dataset.manifest.notes
    targets = {example.row_id: example.target for split in dataset.splits.values() for example in split}
    assert targets["r0"] == '{"leak":0.0000001,"grade":1}'
    assert targets["r3"] == '{"leak":30000000000000000000000,"grade":2}'
    assert targets["r9"] == '{"leak":5,"grade":2}'


def test_a_label_that_the_grammar_cannot_write_is_refused_with_its_row_and_place(tmp_path):
    path = rows(tmp_path, [*records(20), *records(22, grade=9007199254740993)[20:]])
    with pytest.raises(DataError) as caught:
        build(path, name="t", output=JsonSchema(definition=SCHEMA))
    assert caught.value.code == "labels-do-not-fit"
    assert caught.value.message == "2 of 22 rows do not fit the output contract: unwritable-label 2."
    assert caught.value.details[0] == (
        "rows.jsonl:21: unwritable-label: grade: the grammar does not write 9007199254740993"
    )
    dataset = build(path, name="t", output=JsonSchema(definition=SCHEMA), on_bad_rows="drop")
    assert dataset.manifest.dropped == {"unwritable-label": 2}
    assert "The grammar can write each of the 20 labels." in dataset.manifest.notes


def test_what_a_part_does_not_honour_is_in_the_manifest(tmp_path):
    tags = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    loose = {**SCHEMA, "properties": {**SCHEMA["properties"], "tags": tags}}
    dataset = build(rows(tmp_path, records(20)), name="t", output=JsonSchema(definition=loose))
    assert any("`uniqueItems` (#/properties/tags)" in note for note in dataset.manifest.notes)


def test_a_misspelt_comparison_stops_the_build(tmp_path):
    wrong = {**SCHEMA, "properties": {**SCHEMA["properties"], "x": {"x-insource": {"compare": "quantaty"}}}}
    with pytest.raises(ConfigError) as caught:
        build(rows(tmp_path, records(20)), name="t", output=JsonSchema(definition=wrong))
    assert 'Is "quantity" meant?' in caught.value.hint


def test_rows_with_a_schema_of_their_own_are_written_under_it(tmp_path):
    own = {"type": "object", "properties": {"n": {"enum": [9007199254740993]}}}
    some = [
        {"id": f"o{n}", "input": f"own {n}", "output": {"n": 9007199254740993}, "schema": own}
        for n in range(3)
    ]
    with pytest.raises(DataError, match="3 of 23 rows do not fit the output contract: unwritable-label 3"):
        build(rows(tmp_path, [*records(20), *some]), name="t", output=JsonSchema(definition=SCHEMA))


def test_a_misspelt_comparison_in_a_row_of_its_own_schema_is_that_rows_fault(tmp_path):
    own = {"type": "object", "properties": {"n": {"x-insource": {"compare": "nmber"}}}}
    some = [{"id": "o", "input": "own", "output": {"n": 1}, "schema": own}]
    with pytest.raises(DataError) as caught:
        build(rows(tmp_path, [*records(20), *some]), name="t", output=JsonSchema(definition=SCHEMA))
    assert 'invalid-schema: "x-insource": {"compare": "nmber"} at #/properties/n' in caught.value.details[0]


def test_a_row_whose_own_schema_is_broken_is_that_rows_fault(tmp_path):
    own = {"type": "object", "properties": {"n": {"$ref": "#/$defs/none"}}}
    some = [{"id": "o", "input": "own", "output": {"n": 1}, "schema": own}]
    with pytest.raises(DataError) as caught:
        build(rows(tmp_path, [*records(20), *some]), name="t", output=JsonSchema(definition=SCHEMA))
    assert "rows.jsonl:21: invalid-schema: the row's own schema is not valid" in caught.value.details[0]
    broken = made(0, {"n": 1}).model_copy(update={"contract": own})
    for kind in KINDS.values():
        look(kind, [broken] * 60, JsonSchema(definition=SCHEMA))  # no check stumbles over it


ROOT = {"$ref": "#/definitions/I", "definitions": {"I": SCHEMA}}


@pytest.mark.parametrize("schema", [SCHEMA, ROOT, {"allOf": [ROOT["definitions"]["I"]]}])
def test_rows_that_ask_for_one_field_fit_however_the_root_is_written(tmp_path, schema):
    asking = [
        {"id": f"r{n}", "input": f"sensor {n}", "output": {"leak": LEAKS[n % 5]}, "attributes": ["leak"]}
        for n in range(20)
    ]
    dataset = build(rows(tmp_path, asking), name="t", output=JsonSchema(definition=schema))
    assert dataset.manifest.dropped == {}


def made(n, output):
    return Row(
        row_id=f"r{n}", line=n + 1, input=f"text {n}", output=output, provenance=Provenance(source="made")
    )


def test_classes_are_counted_as_the_values_that_they_are():
    field = {"type": "object", "properties": {"grade": {"enum": [1, 2, "1", 3]}}}
    outputs = [{"grade": grade} for grade in (1, 1.0, "1", 2.0, 2) for _ in range(4)]
    finding, _ = look(
        KINDS["class-imbalance"],
        [made(n, one) for n, one in enumerate(outputs)],
        JsonSchema(definition=field),
    )
    assert finding.measures["grade"]["classes"] == 4
    assert finding.measures["grade"]["rare"] == ['"1"', "3"]
    assert finding.measures["grade"]["largest_share"] == 8 / 20


def test_the_number_and_the_text_are_no_constant_and_contradict_each_other():
    field = JsonSchema(definition={"type": "object", "properties": {"v": {"enum": [1, "1"]}}})
    mixed = [made(n, {"v": (1, "1")[n % 2]}) for n in range(20)]
    assert look(KINDS["constant-fields"], mixed, field)[0].count == 0
    assert (
        look(KINDS["constant-fields"], [made(n, {"v": 1.0 if n % 2 else 1}) for n in range(20)], field)[
            0
        ].count
        == 1
    )
    same = [one.model_copy(update={"input": "one text"}) for one in mixed]
    assert look(KINDS["contradictory-labels"], same, field)[0].measures["inputs_by_field"] == {"v": 1}


def test_labels_with_commas_are_told_one_a_line():
    def told(*names):
        task = Task(name="t", instruction="Sort.", output=Labels(names=names))
        return task.messages("x", describe_output=True)[0].content

    assert told("billing", "other").endswith("and nothing else: billing, other")
    assert told("parts, used", "other").endswith(
        'one of these labels, without its quotation marks, and nothing else:\n"parts, used"\n"other"'
    )


def test_labels_with_commas_are_quoted_in_notes(tmp_path):
    names = ("a, b", "c")
    some = [
        {"input": f"text {n}", "output": "a, b" if n else "c", "split": split}
        for n, split in enumerate(["train"] * 5 + ["validation", "calibration", "test"])
    ]
    dataset = build(rows(tmp_path, some), name="t", output=Labels(names=names))
    assert "Labels absent from test: c." in dataset.manifest.notes
    some[0]["output"], some[1]["output"] = "a, b", "c"
    for record in some:
        record["output"] = "c" if record["split"] != "train" else record["output"]
    dataset = build(rows(tmp_path, some), name="t", output=Labels(names=names))
    assert 'Labels absent from test: "a, b".' in dataset.manifest.notes
