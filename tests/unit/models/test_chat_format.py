"""What follows from a chat template, and which templates cannot be used."""

import pytest
from support.tiny_models import ARCHITECTURES, CHATML, DATED, GEMMA, GEMMA_3, MISTRAL, THINKING

from insource.foundation.errors import IntegrityError
from insource.models import chat_format as module
from insource.models.chat_format import (
    BOS,
    STATED,
    STOP,
    TEMPLATE,
    TOKENS,
    TYPES,
    chat_format,
    chat_format_of,
    folded,
    render,
    takes_system,
    with_fixed_date,
)

SPECIALS = ("<|im_start|>", "<|im_end|>", "<end_of_turn>", "<start_of_turn>", "</s>", "<bos>")
NO_GENERATION_PROMPT = CHATML.partition("{%- if add_generation_prompt")[0]


@pytest.mark.parametrize(
    ("template", "stop", "prompt"),
    [
        (CHATML, "<|im_end|>", "<|im_start|>assistant\n"),
        (GEMMA, "<end_of_turn>", "<start_of_turn>model\n"),
        (GEMMA_3, "<end_of_turn>", "<start_of_turn>model\n"),
        (MISTRAL, "</s>", ""),
        (THINKING, "<|im_end|>", "<|im_start|>assistant\n"),
    ],
)
def test_the_stop_token_is_what_the_template_writes(template, stop, prompt):
    found = chat_format(template, SPECIALS, bos="<bos>", eos="</s>")
    assert found.stop_tokens == ((stop,) if stop == "</s>" else (stop, "</s>"))
    assert found.generation_prompt == prompt


def test_the_digest_covers_all_of_it():
    one = chat_format(CHATML, SPECIALS)
    assert one.digest == chat_format(CHATML, SPECIALS).digest
    assert one.digest != chat_format(CHATML, SPECIALS, bos="<bos>").digest
    assert one.digest != chat_format(f"{CHATML} ", SPECIALS).digest


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (NO_GENERATION_PROMPT, "no generation prompt"),
        (CHATML.replace("<|im_end|>", ""), "never stop"),
        ("{% for m in messages %}", "cannot be rendered"),
        ("{{ messages.__class__.__mro__ }}", "cannot be rendered"),
        ("{{ raise_exception('no') }}", "cannot be rendered"),
        ("Hello", "does not write the messages"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_the_reason(template, reason):
    with pytest.raises(IntegrityError, match=reason) as caught:
        chat_format(template, SPECIALS)
    assert caught.value.code == "template-not-usable"


@pytest.mark.parametrize(
    ("template", "takes"),
    [(CHATML, True), (GEMMA, False), (GEMMA_3, True), ("{{ messages[-1].content }}", False)],
)
def test_whether_a_system_message_is_taken(template, takes):
    assert takes_system(template, "<bos>", "") == takes


def test_a_system_message_goes_in_front_of_the_users():
    system, user = {"role": "system", "content": "Be short."}, {"role": "user", "content": "Why?"}
    assert folded([system, user]) == [{"role": "user", "content": "Be short.\nWhy?"}]
    assert folded([user]) == [user]
    assert folded([system]) == [system]


def test_the_date_of_a_prompt_does_not_change():
    fixed = with_fixed_date(DATED)
    assert "Today: 1 January 2025<" in render(fixed, [{"role": "user", "content": "q"}])
    assert with_fixed_date(fixed) == fixed
    assert with_fixed_date(CHATML) == CHATML


def test_answers_in_generation_tags_are_written():
    template = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    assert render(template, [{"role": "user", "content": "q"}]) == "q"


@pytest.mark.model
def test_the_format_of_the_embedded_model(embedded_model):
    found = chat_format_of(embedded_model.gguf)
    assert found.stop_tokens == ("<|im_end|>",)
    assert found.generation_prompt == "<|im_start|>assistant\n"


def test_every_family_has_a_stop_token_of_its_own():
    stops = {
        chat_format(template, specials, bos=bos or "", eos=eos).stop_tokens[0]
        for _, _, (_, specials), template, bos, eos in ARCHITECTURES.values()
    }
    assert stops == {"<|im_end|>", "<|eot_id|>", "</s>", "<end_of_turn>", "<|end|>"}


@pytest.mark.parametrize("key", STATED)
def test_a_value_of_another_type_is_named(key, tmp_path, monkeypatch):
    whole = {TEMPLATE: CHATML, TOKENS: ["<|im_end|>"], TYPES: [3], BOS: 0, STOP: 0}
    monkeypatch.setattr(module, "read_values", lambda gguf, *keys: whole)
    assert chat_format_of(tmp_path).stop_tokens == ("<|im_end|>",)
    monkeypatch.setattr(module, "read_values", lambda gguf, *keys: whole | {key: 0.5})
    with pytest.raises(IntegrityError) as caught:
        chat_format_of(tmp_path)
    assert caught.value.code == "template-not-usable"
    assert key in caught.value.message
