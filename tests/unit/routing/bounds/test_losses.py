"""What a bound counts, how much of it a document can hold, and the policy that follows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from insource.demo.schema import SCHEMA
from insource.matching.align import align
from insource.routing.bounds.losses import Counted, Counting, judged, most_of, unknown_weights, weight_of
from insource.routing.cascade import decide, fit_bound, fit_policy
from insource.types import EvalRecord, JsonSchema, Labels, Policy, Text

ONE = {"type": ["string", "null"]}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def many(item: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": item, "maxItems": most}


@pytest.mark.parametrize(
    ("schema", "fields", "values"),
    [
        (closed(a=ONE, b=ONE), 2, 2),
        (closed(a=ONE, b=closed(c=ONE, d=ONE)), 3, 3),
        (closed(a=ONE, tags=many(ONE, 4)), 9, 5),
        (closed(rows=many(closed(x=ONE, y=ONE), 3)), 12, 6),
        (closed(rows=many(closed(x=ONE, tags=many(ONE, 2)), 3)), 18, 9),
        (closed(tags=many(ONE, 0)), 1, 1),
        (closed(a=ONE, tags={"type": "array", "items": ONE}), None, None),
        ({"type": "object", "properties": {"a": ONE}}, None, None),
        (closed(a={"anyOf": [ONE, closed(b=ONE)]}), None, None),
        (closed(a={}), None, None),
        ({**closed(a=ONE), "patternProperties": {"^x": ONE}}, None, None),
        (
            {**closed(a=ONE, b={"$ref": "#/$defs/n"}), "$defs": {"n": closed(n={"$ref": "#/$defs/n"})}},
            None,
            None,
        ),
    ],
)
def test_the_most_that_a_contract_allows(schema, fields, values):
    assert most_of(JsonSchema(definition=schema), "fields") == fields
    assert most_of(JsonSchema(definition=schema), "invented") == values
    assert most_of(JsonSchema(definition=schema), "documents") == 1


def test_a_label_is_one_field_and_a_text_has_none():
    assert most_of(Labels(names=("a", "b")), "fields") == 1
    assert most_of(Text(), "fields") is None


ROWS = st.lists(
    st.fixed_dictionaries({"x": st.sampled_from(["1", "2", None]), "y": st.sampled_from(["1", None])}),
    max_size=3,
)
ANSWER = st.fixed_dictionaries(
    {
        "a": st.sampled_from(["1", "2", None]),
        "tags": st.lists(st.sampled_from("abcd"), max_size=3),
        "rows": ROWS,
    }
)


@given(ANSWER, ANSWER)
def test_no_document_of_the_contract_holds_more(label, answer):
    schema = closed(a=ONE, tags=many(ONE, 3), rows=many(closed(x=ONE, y=ONE), 3))
    slots = align(label, answer, schema)
    assert len(slots) <= most_of(JsonSchema(definition=schema), "fields")
    values = sum(slot.bucket in ("correct", "wrong", "invented") for slot in slots)
    assert values <= most_of(JsonSchema(definition=schema), "invented")


def record(buckets: list[str], confidence: float | None = 0.9, *, valid: bool = True) -> EvalRecord:
    return EvalRecord.model_validate(
        {
            "row_id": "r",
            "status": "scored",
            "confidence": confidence,
            "score": {
                "slots": [{"path": "f", "bucket": bucket} for bucket in buckets],
                "parsed": True,
                "repairable": True,
                "schema_valid": valid,
                "canonical": True,
                "exact": not {"wrong", "missed", "invented"} & set(buckets),
            },
        }
    )


def test_what_each_loss_counts():
    records = [
        record(["correct", "wrong", "missed", "invented", "correctly_empty", "abstained"]),
        record(["correct"]),
        record(["wrong"], valid=False),
        record(["wrong"], confidence=None),
        EvalRecord(row_id="f", status="failed", reason="timeout", confidence=0.1),
    ]
    counts = {
        loss: list(zip(one.wrong.tolist(), one.counted.tolist(), strict=True))
        for loss in ("documents", "fields", "invented")
        if (one := Counting(loss, 9).judged(records))
    }
    assert counts == {
        "documents": [(1, 1), (0, 1), (1, 1), (1, 1)],
        "fields": [(3, 5), (0, 1)],
        "invented": [(1, 3), (0, 1)],
    }


def fields(wrong, counted=10, most=10, n=150, max_error=0.1, on_infeasible="cloud"):
    known = judged("fields", [Counted(i / n, wrong(i), counted) for i in range(n)], most)
    return fit_bound(known, n=n, max_error=max_error, delta=0.05, on_infeasible=on_infeasible)


def test_documents_are_too_often_wrong_where_their_fields_are_right_enough():
    """A sixth of the documents has one wrong field of ten: a bound of 10 % holds for fields alone."""
    policy = fields(lambda i: int(i % 6 == 0))
    assert (policy.basis, policy.loss) == ("guaranteed", "fields")
    assert policy.expected_local_share >= 0.5
    assert "at most 10% wrong among the fields of locally served answers" in policy.reason
    assert "at most 10" in policy.reason
    assert "betting bound" in policy.reason
    by_document = fit_policy(
        [i / 150 for i in range(150)],
        [i % 6 != 0 for i in range(150)],
        max_error=0.1,
        delta=0.05,
        on_infeasible="cloud",
    )
    assert (by_document.basis, by_document.loss) == ("infeasible", "documents")
    assert "no method can keep this bound and serve more than 93% of the answers" in by_document.reason


def test_a_document_fuller_than_stated_is_no_test():
    policy = fields(lambda i: 0, counted=12, most=10)
    assert policy.basis == "infeasible"
    assert "a calibration document has 12 fields, and at most 10 were stated" in policy.reason
    assert decide(policy, 1.0) == ("cloud", "no-threshold")


def test_what_would_help_is_said_and_helps():
    policy = fields(lambda i: int(i % 2 == 0), n=60, max_error=0.08)
    more = int(policy.reason.split("About ")[1].split(" more")[0].replace(",", ""))
    assert fields(lambda i: int(i % 2 == 0), n=60 + more, max_error=0.08).basis == "guaranteed"
    bound = int(policy.reason.split("A bound of ")[1].split("%")[0]) / 100
    assert fields(lambda i: int(i % 2 == 0), n=60, max_error=bound).basis == "guaranteed"
    hopeless = fields(lambda i: 3)
    assert "More calibration documents alone are not expected to help." in hopeless.reason
    assert "serve more than 78% of the fields" in hopeless.reason


def test_too_few_documents_and_the_median():
    policy = fields(lambda i: 0, n=28, on_infeasible="median")
    assert (policy.basis, policy.loss) == ("median", "fields")
    assert "at least 29 calibration documents" in policy.reason


def test_a_policy_of_before_bounds_documents_and_an_unknown_version_is_refused():
    now = json.loads(fields(lambda i: 0).model_dump_json())
    later = {"unit", "weights", "choices", "calibrated_groups", "new_groups", "frontier", "feasible"}
    second = {key: value for key, value in now.items() if key not in later} | {"schema_version": 2}
    assert Policy.model_validate(second).loss == "fields"
    before = {key: value for key, value in second.items() if key != "loss"} | {"schema_version": 1}
    read = Policy.model_validate_json(json.dumps(before))
    assert (read.loss, read.schema_version) == ("documents", now["schema_version"])
    assert Policy.model_validate(now).loss == "fields"
    for wrong in ({**now, "schema_version": 1}, {**now, "schema_version": 4}, {**now, "loss": "money"}):
        with pytest.raises(ValidationError):
            Policy.model_validate(wrong)


def test_the_demo_s_contract_sets_a_limit():
    assert most_of(JsonSchema(definition=SCHEMA), "fields") == 16


WEIGHTS = {"total": 5.0, "rows.price": 3.0, "party": 2.0}


@pytest.mark.parametrize(
    ("path", "weight"),
    [
        ("total", 5),
        ("rows[].price", 3),
        ("rows[3].price", 3),
        ("rows[].name", 1),
        ("party.name", 2),
        ("party", 2),
        ("partys", 1),
        ("", 1),
    ],
)
def test_a_weight_stands_for_a_path_and_what_is_below(path, weight):
    assert weight_of(path, WEIGHTS) == weight
    assert weight_of(path, {}) == 1


def test_the_most_weight_that_a_contract_allows():
    schema = closed(total=ONE, party=closed(name=ONE, city=ONE), rows=many(closed(price=ONE, name=ONE), 2))
    output = JsonSchema(definition=schema)
    assert most_of(output, "weighted", WEIGHTS) == 5 + 2 * 2 + 2 * 2 * (3 + 1)
    assert most_of(output, "weighted", {}) == most_of(output, "fields")


@given(ANSWER, ANSWER)
def test_no_document_of_the_contract_weighs_more(label, answer):
    weights = {"a": 7.0, "rows.x": 0.5, "tags": 2.0}
    schema = closed(a=ONE, tags=many(ONE, 3), rows=many(closed(x=ONE, y=ONE), 3))
    held = sum(weight_of(slot.path, weights) for slot in align(label, answer, schema))
    assert held <= most_of(JsonSchema(definition=schema), "weighted", weights)


def test_weights_count_what_an_error_costs():
    one = EvalRecord.model_validate(
        {
            **record([]).model_dump(),
            "score": {
                **record([]).score.model_dump(),
                "slots": [
                    {"path": "total", "bucket": "wrong"},
                    {"path": "note", "bucket": "missed"},
                    {"path": "party.name", "bucket": "correct"},
                    {"path": "total", "bucket": "abstained"},
                ],
            },
        }
    )
    found = Counting("weighted", 20, WEIGHTS).judged([one])
    assert (found.wrong.tolist(), found.counted.tolist()) == ([6.0], [8.0])


def test_against_the_cloud_only_what_it_gets_right_is_a_loss():
    right, wrong = record(["correct"]), record(["wrong"])
    failed = EvalRecord(row_id="r", status="failed", reason="timeout")
    unasked = EvalRecord(row_id="r", status="unscored")

    def loss(ours, theirs):
        known = Counting("cloud", 1, cloud={"r": theirs} if theirs else {}).judged([ours])
        return known.wrong.tolist()

    assert loss(wrong, right) == [1.0]
    assert [loss(*pair) for pair in ((wrong, wrong), (right, right), (right, wrong), (wrong, failed))] == [
        [0.0]
    ] * 4
    assert [loss(wrong, other) for other in (None, unasked)] == [[], []]


def test_the_bound_against_the_cloud_is_exact_and_says_so():
    known = judged("cloud", [Counted(i / 100, 0, 1) for i in range(100)], 1)
    policy = fit_bound(known, n=100, max_error=0.05, delta=0.05, on_infeasible="cloud")
    assert policy.basis == "guaranteed"
    assert "at most 5% wrong although the cloud is right among locally served answers" in policy.reason


def test_a_bound_on_weights_says_so():
    known = judged("weighted", [Counted(i / 200, 0.5 * (i % 10 == 0), 8.5) for i in range(200)], 12.5)
    policy = fit_bound(known, n=200, max_error=0.1, delta=0.05, on_infeasible="cloud")
    assert (policy.loss, policy.basis) == ("weighted", "guaranteed")
    assert "each by its weight" in policy.reason
    assert "at most 12.5" in policy.reason


def test_weights_of_fields_that_the_contract_does_not_have_are_found():
    schema = closed(total=ONE, party=closed(name=ONE), rows=many(closed(price=ONE), 2), any={})
    weights = dict.fromkeys(
        ("total", "party", "party.name", "rows", "rows.price", "totl", "party.city", "rows.name", "total.x"),
        2.0,
    )
    output = JsonSchema(definition=schema)
    assert unknown_weights(output, weights) == ["party.city", "rows.name", "total.x", "totl"]
    loose = JsonSchema(definition={"type": "object", "properties": {"total": ONE}})
    assert unknown_weights(loose, {"anything": 2.0}) == []
    assert unknown_weights(Text(), {"total": 2.0}) == ["total"]
