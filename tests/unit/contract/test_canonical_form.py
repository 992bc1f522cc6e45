"""One spelling per answer, and violations that name their place."""

import pytest

from insource.contract.asked import for_asked
from insource.contract.canonical_form import canonical_target
from insource.contract.resolved import InvalidSchema
from insource.contract.validate import violations

SPEC = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "power": {"$ref": "#/$defs/power"},
        "lines": {"type": "array", "items": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/power"}]}},
        "warranty": {"type": ["integer", "null"]},
    },
    "required": ["model", "warranty"],
    "$defs": {
        "power": {
            "type": "object",
            "properties": {"voltage": {"type": ["string", "null"]}, "phase": {"enum": ["3-phase", None]}},
            "required": ["voltage", "phase"],
        }
    },
}


def test_keys_come_in_schema_order_at_every_level():
    value = {
        "lines": [{"phase": None, "voltage": "1 V"}],
        "power": {"phase": None, "voltage": "é"},
        "model": "m",
    }
    assert canonical_target(value, SPEC) == (
        '{"model":"m","power":{"voltage":"é","phase":null},"lines":[{"voltage":"1 V","phase":null}]}'
    )


def test_absent_required_nullable_fields_become_null():
    target = canonical_target({"model": "m", "power": {"voltage": "1 V"}}, SPEC, fill_null=True)
    assert target == '{"model":"m","power":{"voltage":"1 V","phase":null},"warranty":null}'


def test_only_asked_fields_become_null():
    assert canonical_target({"model": "m"}, SPEC, fill_null=True, asked=("model",)) == '{"model":"m"}'
    assert violations({"model": "m"}, for_asked(SPEC, ("model",))) == ()


def test_numbers_without_a_fraction_have_no_point():
    assert canonical_target({"warranty": 2.0}, SPEC) == '{"warranty":2}'
    assert canonical_target({"x": 2.0}, {"properties": {"x": {"type": "number"}}}) == '{"x":2}'


def test_undeclared_keys_come_last_as_they_are():
    assert canonical_target({"z": 1, "y": 2, "model": "m"}, SPEC) == '{"model":"m","z":1,"y":2}'


def test_delete_is_escaped():
    assert canonical_target({"model": "a\x7fb"}, SPEC) == '{"model":"a\\u007fb"}'


def test_combined_schemas_keep_their_order():
    schema = {"allOf": [{"properties": {"b": {}}}, {"properties": {"a": {}}}]}
    assert canonical_target({"a": 1, "b": 2}, schema) == '{"b":2,"a":1}'


def test_a_reference_to_itself_ends():
    assert canonical_target({"a": 1}, {"$ref": "#"}) == '{"a":1}'
    assert canonical_target({"a": {"b": 1}}, {"properties": {"a": {"$ref": "#"}, "b": {}}}) == '{"a":{"b":1}}'


def test_violations_name_their_place():
    problems = violations({"model": 1, "lines": [{"voltage": 2, "phase": None}]}, SPEC)
    assert any(problem.startswith("model: 1 is not of type") for problem in problems)
    assert any(problem.startswith("lines[0]: ") for problem in problems)
    assert any(problem.startswith("(the whole answer): ") for problem in problems)
    assert len(violations({"model": "m", "warranty": "x" * 5000}, SPEC)[0]) < 250


def test_formats_are_checked():
    schema = {"properties": {"day": {"type": "string", "format": "date"}}}
    assert violations({"day": "2026-02-28"}, schema) == ()
    assert violations({"day": "28.2.2026"}, schema)


@pytest.mark.parametrize(
    "schema", [{"type": "foo"}, {"$ref": "http://127.0.0.1:1/other.json"}, {"$ref": "#/$defs/no"}]
)
def test_an_unsound_schema_is_an_error_and_never_fetched(schema):
    with pytest.raises(InvalidSchema):
        violations({}, schema)
