"""What of a contract changed, in words, and whether old answers can be scored by the new one."""

import pytest

from insource.lifecycle.contract_changes import contract_changes, same_answers
from insource.types import JsonSchema, Labels, Text


def schema(**fields):
    return JsonSchema(definition={"type": "object", "properties": fields})


A, B = {"type": "string"}, {"type": "number"}
CASES = [
    (Labels(names=("a", "b")), Labels(names=("b", "a")), (), True),
    (Labels(names=("a", "b")), Labels(names=("a", "c")), ("new labels c", "no labels b any more"), False),
    (schema(x=A), schema(x=A), (), True),
    (schema(x=A), schema(x=A, y=A), ("new fields y",), False),
    (schema(x=A, y=A), schema(x=A), ("no fields y any more",), False),
    (schema(x=A), schema(x=B), ("other definitions of x",), True),
    (schema(x=A), Labels(names=("a", "b")), ("answers are labels, and were json",), False),
    (Text(), Text(), (), True),
    (
        schema(x=A),
        JsonSchema(definition={"type": "object", "properties": {"x": A}, "required": ["x"]}),
        ("the output contract is another one",),
        True,
    ),
]


@pytest.mark.parametrize(("before", "now", "said", "same"), CASES)
def test_a_change_is_named(before, now, said, same):
    assert contract_changes(before, now, "Read it.", "Read it. ") == said
    assert same_answers(before, now) is same


def test_another_instruction_is_a_change_and_an_inferred_contract_is_none():
    assert contract_changes(Text(), None, "Read it.", "Read all.") == ("the instruction is another one",)
    assert contract_changes(schema(x=A), None, "Read it.", "Read it.") == ()


def test_a_long_list_is_cut():
    many = {f"f{n}": A for n in range(8)}
    assert contract_changes(schema(), schema(**many), "", "") == ("new fields f0, f1, f2, f3, f4 and 3 more",)
