"""Checks that fail closed, and the token rows they check; with a tokenizer small enough to read."""

import pytest
from tokenizers import AddedToken

from insource.foundation.errors import DataError, IntegrityError
from insource.training.preflight import check_leakage, check_rows, check_template
from insource.training.tokenize import IGNORE, TrainingRow, control_tokens, prompt_ids, tokenize


class Characters:
    """One token a character; the template closes every turn with its stop token ``~``."""

    eos_token = "~"
    eos_token_id = ord("~")
    bos_token = None
    chat_template = "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}~\n{% endfor %}"
    added_tokens_decoder = {ord("~"): AddedToken("~", special=True)}

    def __init__(self, close="~\n"):
        self.close = close

    def __call__(self, text, add_special_tokens, split_special_tokens):
        assert split_special_tokens
        assert not add_special_tokens
        return {"input_ids": [ord(c) for c in text]}

    def apply_chat_template(self, turns, tokenize=True, add_generation_prompt=False, **others):
        text = "".join(f"{turn['role'][0]}:{turn['content']}{self.close}" for turn in turns)
        text += "a:" if add_generation_prompt else ""
        return [ord(c) for c in text] if tokenize else text


def text(ids):
    return "".join(chr(i) for i in ids)


def test_loss_is_on_the_answer_and_its_stop_token_only(rows, label_task):
    (example,) = rows.examples(rows.tickets(1))
    (row,) = tokenize(Characters(), label_task, [example])
    assert len(row.input_ids) == len(row.labels)
    learned = [label for label in row.labels if label != IGNORE]
    assert text(learned) == "billing~"
    assert row.answer_tokens == len("billing~")
    assert text(row.input_ids).endswith("a:billing~")
    assert row.row_id == example.row_id


def test_the_prompt_of_training_is_the_prompt_of_serving(rows, label_task):
    (example,) = rows.examples(rows.tickets(1))
    (row,) = tokenize(Characters(), label_task, [example])
    prompt = prompt_ids(Characters(), control_tokens(Characters()), label_task.messages(example.input))
    assert row.input_ids[: len(prompt)] == prompt
    assert row.labels[: len(prompt)] == [IGNORE] * len(prompt)
    assert text(prompt) == f"s:{label_task.instruction}~\nu:{example.input}~\na:"


def test_a_template_that_closes_its_turns_passes():
    check_template(Characters())


@pytest.mark.parametrize("change", [{"close": "\n"}, {"chat_template": None}, {"eos_token": None}])
def test_a_model_that_would_never_stop_is_refused(change):
    tokenizer = Characters()
    for name, value in change.items():
        setattr(tokenizer, name, value)
    with pytest.raises(IntegrityError) as caught:
        check_template(tokenizer)
    assert caught.value.code == "stop-token-missing"


def test_a_stop_token_before_the_answer_alone_is_not_enough():
    """It has to come after the answer: templates often put it after the user's turn only."""

    class OnlyUser(Characters):
        def apply_chat_template(self, turns, **options):
            return "u:q~a:answer"

    with pytest.raises(IntegrityError):
        check_template(OnlyUser())


def test_nothing_is_cut_silently():
    rows = [TrainingRow(f"r{n}", [1] * n, [1] * n) for n in range(2, 22)]
    check_rows(rows, 21)
    with pytest.raises(DataError) as caught:
        check_rows(rows, 11)
    assert caught.value.code == "row-too-long"
    assert "10 of 20" in caught.value.message
    assert caught.value.details[0] == "r12: 12 tokens"
    assert len(caught.value.details) == 5


def test_a_row_that_teaches_only_to_stop_is_refused():
    with pytest.raises(DataError) as caught:
        check_rows(
            [TrainingRow("full", [1, 2, 3], [IGNORE, 2, 3]), TrainingRow("bare", [1, 3], [IGNORE, 3])], 10
        )
    assert caught.value.code == "row-without-answer"
    assert caught.value.details == ("bare",)


def test_a_document_may_not_be_learned_and_judged(rows):
    examples = rows.examples(rows.tickets(6))
    check_leakage(examples[:3], examples[3:])
    with pytest.raises(IntegrityError) as caught:
        check_leakage(examples[:4], examples[3:])
    assert caught.value.code == "leakage"
    assert caught.value.details == (examples[3].row_id,)
