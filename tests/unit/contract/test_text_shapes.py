"""Shapes of texts: what counts as evidence, what a pattern allows beyond what was seen."""

import re

import pytest

from insource.contract.infer import Inference, infer_schema
from insource.contract.text_shapes import TextShape
from insource.contract.validate import violations
from insource.types import Labels, Text


def shape(texts):
    found = TextShape()
    for text in texts:
        found.observe(text)
    return found


@pytest.mark.parametrize(
    ("texts", "pattern"),
    [
        ([f"INV-{n:05}" for n in range(200)], "^INV-[0-9]{5}$"),
        ([f"INV-{n}" for n in range(200)], "^INV-[0-9]{1,6}$"),
        ([f"INV-{n}" for n in range(100, 300)], "^INV-[0-9]{1,6}$"),  # a counter: 1000 comes one day
        (
            [f"{'ABC'[n % 3]}{'XY'[n % 2]} {n % 7}.{n:03} (v)" for n in range(200)],
            "^[A-Z]{2} [0-9]{1,2}[.][0-9]{3} [(]v[)]$",
        ),
        ([f"{'ab' * (1 + n % 2)}{n % 10}" for n in range(200)], "^[a-z]{1,8}[0-9]{1,2}$"),
        ([f"2024-{n}" for n in range(200)], "^[0-9]{1,8}-[0-9]{1,6}$"),  # the year is not a word
        ([f"INV-{n:05}" for n in range(99)], None),
        ([f"INV-{n:05}" for n in range(200)] + ["none"], None),
        ([f"INV-{n:05}" for n in range(200)] + [""], None),
        ([f"Größe-{n}" for n in range(200)], None),
        ([f"word{'x' * (n % 9)}" for n in range(200)], None),
        (["-".join("0" * 9) for _ in range(200)], None),
        (["0" * 65 for _ in range(200)], None),
    ],
)
def test_patterns(texts, pattern):
    assert shape(texts).pattern == pattern
    assert pattern is None or all(re.fullmatch(pattern[1:-1], text) for text in texts)


def test_dates():
    days = [f"2024-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(60)]
    assert infer_schema([{"on": day} for day in days])["properties"]["on"] == {
        "type": "string",
        "format": "date",
    }
    assert not shape(days[:19]).dates
    assert not shape([*days, "2024-02-30"]).dates
    assert not shape([*days, "soon"]).dates


def test_an_enum_comes_before_a_pattern_and_a_pattern_before_a_length():
    few = infer_schema([{"v": f"A-{n % 3}"} for n in range(300)])["properties"]["v"]
    many = infer_schema([{"v": f"A-{n}" if n % 9 else None} for n in range(300)])["properties"]["v"]
    assert few["enum"] == ["A-0", "A-1", "A-2"]
    assert many == {"type": ["string", "null"], "pattern": "^A-[0-9]{1,6}$"}


def test_evidence_says_why():
    rows = [
        {"id": f"A-{n:04}", "kind": "ab"[n % 2], "note": f"some text {'x' * n}", "sub": {"n": n}}
        for n in range(200)
    ]
    rows[7] |= {"tags": ["t"], "note": None}
    lines = {line.path: line for line in Inference.of(rows).evidence()}
    assert list(lines) == ["id", "kind", "note", "sub", "sub.n", "tags", "tags[]"]
    assert lines["id"].why == "all 200 values have this shape"
    assert lines["id"].distinct is None
    assert lines["id"].examples == ("A-0000", "A-0001", "A-0002")
    assert lines["kind"].why == "2 values, 100 times each on average, the rarest 100 times"
    assert (lines["note"].null, lines["note"].seen, lines["note"].why) == (
        1,
        200,
        "more than 50 different values",
    )
    assert lines["sub.n"].why == "between 0 and 199"
    assert (lines["tags"].seen, lines["tags"].of, lines["tags"].why) == (1, 200, "at most 1 items")


def test_numbers_too_long_for_a_float_are_shown_short():
    (line,) = Inference.of([{"n": 10**400}]).evidence()
    assert line.why.startswith("between 1000000000")
    assert len(line.why) < 100


def test_ten_thousand_classes_are_free_text_and_that_is_said():
    inference = Inference.of(f"class {n % 10_000}" for n in range(40_000))
    assert inference.output == Text()
    assert "More than 1,000 different short answers" in inference.notes()[0]
    assert Inference.of(["a long text\nof two lines"] * 5).notes() == ()


def test_one_class_is_said():
    inference = Inference.of(["same"] * 10)
    assert inference.output == Labels(names=("same",), inferred=True)
    assert inference.labels == {"same": 10}
    assert "one class" in inference.notes()[0]


def test_more_names_than_a_schema_should_have_become_any_name():
    values = [{f"key {n}": n} for n in range(1_200)] + [{"key 1100": "late"}]
    schema = infer_schema(values)
    assert len(schema["properties"]) == 1_000
    assert schema["additionalProperties"]["type"] == ["string", "integer"]
    assert all(not violations(value, schema) for value in values[::100] + values[-1:])
