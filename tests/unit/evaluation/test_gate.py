"""A gate is an expression over a comparison: what is not measured decides nothing, and nothing is called."""

import pytest

from insource.evaluation.gate import met
from insource.foundation.errors import UserError
from insource.types import Comparison, Estimate

FOUND = Comparison(
    candidate="a",
    baseline="b",
    metric="accuracy",
    n=100,
    candidate_value=Estimate(value=0.9, low=0.85, high=0.95),
    baseline_value=Estimate(value=0.91),
    difference=Estimate(value=-0.01, low=-0.015, high=0.005),
    better=3,
    worse=4,
    same=93,
    p_value=None,
    test="t",
    margin=0.02,
    outcome="not worse",
)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("difference.low > -0.02", True),
        ("difference.low > -margin", True),
        ("-0.02 < difference.low < 0", True),
        ("difference.low >= 0", False),
        ("difference.low >= 0 or outcome == 'not worse'", True),
        ("outcome in ['better', 'not worse'] and n >= 100", True),
        ("outcome not in ('worse',)", True),
        ("not worse > better", False),
        ("candidate_value.value != 0.9", False),
        # What is unknown decides nothing, and takes nothing from what is known.
        ("p_value < 0.05", None),
        ("not p_value < 0.05", None),
        ("baseline_value.low > 0.5", None),
        ("p_value < 0.05 and n > 10", None),
        ("p_value < 0.05 and n > 1000", False),
        ("p_value < 0.05 or n > 10", True),
        ("required_n < 100", None),
    ],
)
def test_an_expression_is_met_or_not_or_undecided(expression, answer):
    assert met(expression, FOUND.model_dump()) is answer


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "difference.low >",
        "difference.low",
        "1",
        "difference.middle > 0",
        "nothing > 0",
        "difference > 0",
        "n.real > 0",
        "__import__('os').system('true') == 0",
        "(lambda: 1)() == 1",
        "[x for x in (1,)] == []",
        "n + 1 > 0",
        "n is 100",
        "outcome > 3",
        "difference.__class__ == 1",
        "n > 10 if n else 1",
        "(better > 1) == (n > 10)",
        "(not better) == 0",
        "f'{n}' == '100'",
        "(" * 500 + "n > 1" + ")" * 500,
    ],
)
def test_what_is_no_such_expression_says_what_is(expression):
    with pytest.raises(UserError) as raised:
        met(expression, FOUND.model_dump())
    assert raised.value.code == "gate-invalid"
    assert "difference.low > -0.02" in raised.value.hint
