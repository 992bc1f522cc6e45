import pytest

from insource.contract.resolved import InvalidSchema
from insource.contract.validate import fits, violations

PUMP = {
    "type": "object",
    "properties": {"voltage": {"type": ["string", "null"]}, "sold": {"type": "string", "format": "date"}},
    "required": ["voltage"],
}


def test_what_fits_has_no_violations():
    value = {"voltage": None, "sold": "2026-02-28"}
    assert fits(value, PUMP)
    assert violations(value, PUMP) == ()


def test_a_violation_names_its_place_and_formats_count():
    value = {"sold": "2026-02-30"}
    assert not fits(value, PUMP)
    assert sorted(problem.split(":")[0] for problem in violations(value, PUMP)) == [
        "(the whole answer)",
        "sold",
    ]


def test_a_long_message_is_cut():
    assert len(violations("x" * 1000, PUMP)[0]) < 250


@pytest.mark.parametrize("schema", [{"type": "objekt"}, {"$ref": "http://127.0.0.1:1/x.json"}])
def test_an_unsound_schema_is_an_error_and_nothing_is_fetched(schema):
    with pytest.raises(InvalidSchema):
        fits({}, schema)
