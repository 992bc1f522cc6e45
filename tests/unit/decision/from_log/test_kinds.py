"""Which personal data and secrets a text holds, and what an answer is."""

import pytest

from insource.decision.from_log.gathering import read_form
from insource.decision.from_log.privacy import OPTIONS, kinds_in


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Write to ann@example.com today.", {"email"}),
        ("Was [email:kfbhnqdt] and [secret:jwt] before.", {"email", "jwt"}),
        ("A [note: read this] in brackets", set()),
        ("Nothing at all", set()),
        ("", set()),
        ("half a character \ud800", set()),
    ],
)
def test_kinds_are_found_in_texts_and_in_marks_of_earlier_redactions(text, kinds):
    assert kinds_in(text) == kinds


@pytest.mark.parametrize(
    ("answer", "form", "value"),
    [
        ('{"b": 1, "a": "x"}', ("a", "b"), {"b": 1, "a": "x"}),
        ('```json\n{"a": 1}\n```', ("a",), {"a": 1}),
        ('[{"a": 1}, {"b": 2}, 3]', ("[]", "a", "b"), None),
        ("Billing.", ("=", "billing"), "billing"),
        ("It is a question of money, and of nothing but money. " * 3, (), None),
        ("", (), None),
        ('{"a": ', ("=", '{"a":'), '{"a":'),
    ],
)
def test_the_form_of_an_answer(answer, form, value):
    found, _, read = read_form(answer)
    assert found == form
    assert read == value


def test_one_answer_has_one_spelling():
    assert read_form('{"b": 1, "a": 2}')[1] == read_form('{"a":2,"b":1}')[1]
    assert read_form("Billing ")[1] == read_form("billing")[1]


def test_nothing_leaves_where_the_model_runs_here():
    assert {option for option, what in OPTIONS if not what} == {"classical", "fine-tune"}
