"""Which questions a task answers, and with which probabilities: laws over made tasks and options."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.gateway.call.decisions_api import Question
from insource.gateway.call.exchange import Attempt
from insource.gateway.tasks.decisions import Decider
from insource.types import Completion, JsonSchema, Labels, Text


def choice(*options, name=None):
    return Question(name, "choice", options)


def schema(**properties):
    return JsonSchema(definition={"type": "object", "properties": properties})


YES = Question(None, "predicate", (True, False))
TEAM, ROOM = {"enum": ["a", "b"]}, {"enum": ["a", "b"]}
OPEN = {"type": "boolean"}


@pytest.mark.parametrize(
    ("output", "question", "answers"),
    [
        (Labels(names=("a", "b", "c")), choice("a", "b", "c"), True),
        (Labels(names=("a", "b", "c")), choice("c", "a"), True),
        (Labels(names=("a", "b")), choice("a", "b", "c"), False),
        (Labels(names=("a", "b")), YES, False),
        (Labels(names=("Yes", "no")), YES, True),
        (Labels(names=("yes", "no", "maybe")), YES, False),
        (Labels(names=("low", "high")), Question(None, "score", ("low", "high")), True),
        (schema(open=OPEN), YES, True),
        (schema(open=OPEN), choice("true", "false"), True),
        (schema(open=OPEN, urgent=OPEN), YES, False),  # which of the two is not said
        (schema(open=OPEN, urgent=OPEN), YES._replace(name="urgent"), True),
        (schema(team=TEAM, room=ROOM), choice("a", "b"), False),
        (schema(team=TEAM, room=ROOM), choice("a", "b", name="room"), True),
        (schema(team=TEAM, open=OPEN), choice("a", "b"), True),
        (schema(name={"type": "string"}), choice("a", "b"), False),
        (Text(), choice("a", "b"), False),
    ],
)
def test_which_questions_are_the_tasks(output, question, answers):
    assert Decider(output).answers([question]) is answers


@pytest.mark.parametrize(
    ("output", "question", "recognised"),
    [
        (Labels(names=("a", "b", "c")), choice("a", "b", "c"), True),
        (Labels(names=("Yes", "no")), YES, False),
        (Labels(names=("yes", "no")), choice("yes", "no", name="spam"), False),
        (schema(open=OPEN), YES, False),
        (schema(open=OPEN), YES._replace(name="spam"), False),
        (schema(open=OPEN), choice("true", "false", name="spam"), False),
        (schema(open=OPEN), YES._replace(name="open"), True),
        (schema(team=TEAM, open=OPEN), choice("a", "b"), True),
    ],
)
def test_a_question_that_anybody_could_ask_is_not_taken_for_the_tasks(output, question, recognised):
    assert Decider(output).recognises([question]) is recognised


def attempt(text, confidence, **stated):
    return Attempt("valid", Completion(text=text, confidence=confidence, **stated), confidence)


LABELS = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=2, max_size=8, unique=True)


@given(LABELS, st.data())
def test_the_probabilities_are_the_models_and_sum_to_1(names, data):
    weights = data.draw(st.lists(st.floats(0.01, 1), min_size=len(names), max_size=len(names)))
    stated = {name: weight / sum(weights) for name, weight in zip(names, weights, strict=True)}
    likely = dict(sorted(stated.items(), key=lambda one: -one[1])[: data.draw(st.integers(1, len(names)))])
    label, sure = next(iter(likely.items()))
    order = data.draw(st.permutations(names))
    (found,) = Decider(Labels(names=tuple(names))).decide(
        [choice(*order)], attempt(label, sure, label_probabilities=likely)
    )
    shares = dict(zip(order, found.shares, strict=True))
    assert sum(found.shares) == pytest.approx(1)
    assert {name: shares[name] for name in likely} == pytest.approx(likely)
    unsaid = [shares[name] for name in names if name not in likely]
    assert unsaid == pytest.approx([(1 - sum(likely.values())) / max(1, len(unsaid))] * len(unsaid), abs=1e-9)


@given(st.floats(0, 1))
def test_a_boolean_field_gives_the_probability_of_true(sure):
    for value, expected in (("true", sure), ("false", 1 - sure)):
        (found,) = Decider(schema(open=OPEN)).decide(
            [YES], attempt(f'{{"open":{value}}}', 0.5, field_confidences={"open": sure})
        ) or (None,)
        if found is not None:  # a value less likely than its opposite is not what the model answers
            assert found.shares[0] == pytest.approx(expected)


def test_without_a_stated_confidence_of_the_field_it_is_that_of_the_document():
    (found,) = Decider(schema(team=TEAM)).decide([choice("a", "b")], attempt('{"team":"b"}', 0.9))
    assert found.shares == pytest.approx((0.1, 0.9))


@pytest.mark.parametrize(
    "tried",
    [
        Attempt("failed"),
        Attempt("valid", Completion(text='{"team":"a"}'), None),
        attempt('{"team":null}', 0.9),
        attempt("[]", 0.9),
    ],
)
def test_an_attempt_that_says_nothing_of_the_question_decides_nothing(tried):
    assert Decider(schema(team={"enum": ["a", "b", None]})).decide([choice("a", "b")], tried) is None
