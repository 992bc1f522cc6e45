"""Which fields are doubtful, how two answers merge, and the policy that is fitted on records."""

import pytest

from insource.routing.ways.partial import doubtful, fields_of, fit_fields, merged, smaller_schema
from insource.types import Completion, EvalRecord, JsonSchema, Score, SlotScore
from insource.types.ways import FieldPolicy

SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"]},
        "a.b": {"type": "string"},
        "lines": {"type": "array", "maxItems": 3, "items": {"type": "string"}},
    },
    "required": ["a"],
}
OUTPUT = JsonSchema(definition=SCHEMA)
NAMES = fields_of(OUTPUT)
POLICY = FieldPolicy(
    threshold=0.5,
    basis="guaranteed",
    max_error=0.1,
    delta=0.05,
    calibration_n=9,
    expected_share=1.0,
    reason="",
)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, ("a", "a.b", "lines")),
        ({"a": 0.5, "a.b": 0.4, "lines": 1.0}, ("a.b",)),
        ({"a": 0.9, "a.b": 0.9, "lines[0]": 0.9, "lines[1]": 0.49}, ("lines",)),
        ({"a": 0.9, "a.b": 0.9, "lines": 0.5, "linesman": 0.1}, ()),
    ],
)
def test_a_field_is_as_sure_as_the_least_sure_of_what_is_in_it(stated, expected):
    assert doubtful(POLICY, Completion(text="{}", field_confidences=stated), NAMES) == expected


@pytest.mark.parametrize(
    ("local", "cloud", "asked", "whole"),
    [
        ({"a": "1", "lines": ["x"]}, {"a": "2"}, ("a",), {"a": "2", "lines": ["x"]}),
        ({"a": "1"}, {"lines": []}, ("lines",), {"a": "1", "lines": []}),
        ({"a": "1"}, {}, ("lines",), {"a": "1"}),  # neither answer has the optional field
        ({"a": "1", "lines": []}, {}, ("lines",), None),
        ({"a": "1"}, {"a": 7}, ("a",), None),
        ({"a": "1"}, ["a"], ("a",), None),
        ({"a": "1"}, {"a": "2", "lines": ["not asked for"]}, ("a",), {"a": "2"}),
    ],
)
def test_the_answers_merge_into_one_that_fits_or_into_none(local, cloud, asked, whole):
    assert merged(local, cloud, asked, OUTPUT) == whole


def test_the_smaller_schema_has_the_fields_that_are_asked_for():
    assert smaller_schema(OUTPUT, ("lines",))["properties"].keys() == {"lines"}


def record(n, *, wrong=False, sure=0.9, valid=True):
    slots = (
        SlotScore(path="a", bucket="wrong" if wrong else "correct"),
        SlotScore(path="lines[]", bucket="correct"),
    )
    flags = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), valid)
    score = Score(slots=slots, exact=not wrong, **flags)
    completion = Completion(text="{}", field_confidences={"a": sure, "lines[0]": 0.95})
    return EvalRecord(row_id=str(n), status="scored", completion=completion, score=score)


RECORDS = [record(n, wrong=n % 2 == 0, sure=0.2) for n in range(100)] + [record(n + 100) for n in range(100)]


def fitted(records=RECORDS, modes=None, most=7, max_error=0.1):
    return fit_fields(records, OUTPUT, modes or {}, most=most, max_error=max_error, delta=0.05)


def test_the_fields_that_are_mostly_wrong_are_left_to_the_cloud():
    policy = fitted()
    assert policy.basis == "guaranteed"
    assert 0.2 < policy.threshold <= 0.9
    assert policy.expected_share == 0.75
    assert "75%" in policy.reason


def test_a_field_that_is_always_served_counts_too():
    """Half of field ``a`` is wrong in half of the documents: 12.5 % of what is served."""
    assert fitted(modes={"a": "local"}).basis == "infeasible"
    assert fitted(modes={"a": "cloud"}, most=3).expected_share == 0.5


def test_without_a_limit_or_with_documents_beyond_it_nothing_is_promised():
    assert fitted(most=None).threshold is None
    assert fitted(most=1).threshold is None


def test_answers_outside_the_contract_and_missing_confidences_are_never_served():
    invalid = [record(n, valid=False) for n in range(100)]
    assert fitted([*RECORDS, *invalid]).expected_share == fitted().expected_share
    assert fitted(
        [one.model_copy(update={"completion": Completion(text="{}")}) for one in RECORDS]
    ).basis == ("infeasible")
