"""Any body is a request for decisions or is refused with a reason; it never breaks the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.gateway.call.decisions_api import DecisionRequest, decisions_of

MEMBERS = st.sampled_from(
    ["type", "choices", "levels", "criteria", "name", "value", "label", "role", "content"]
)


def members(inner):
    return st.dictionaries(MEMBERS, inner, max_size=3)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | members(inner), max_leaves=6)
KINDS = st.sampled_from(["predicate", "noul", "choice", "score"])


QUESTIONS = st.builds(lambda kind, rest: rest | {"type": kind}, KINDS, members(ANYTHING))
ASKED = (
    st.lists(QUESTIONS | ANYTHING, max_size=3) | st.dictionaries(st.text(max_size=2), QUESTIONS) | ANYTHING
)


@given(ASKED, ANYTHING, st.sampled_from(["input", "state"]))
def test_any_body_is_read_or_refused(questions, text, member):
    try:
        found = decisions_of({"questions": questions, member: text})
    except ValueError:
        return
    assert isinstance(found, DecisionRequest)
    assert all(len(question.options) >= 2 for question in found.questions)


@pytest.mark.parametrize("choices", [5, True, 1.5, "ab", {"a": 1}, [1], [{"value": 1}, {"value": "b"}], None])
def test_choices_that_are_no_list_of_values_are_refused(choices):
    question = {"type": "choice", "choices": choices}
    with pytest.raises(ValueError, match="`choices`, each with a `value`"):
        decisions_of({"questions": [question], "input": "x"})
