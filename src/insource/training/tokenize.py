"""Convert examples to token rows: the loss is computed on the answer and its stop token, not
on the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from insource.contract.reasoning_field import trained_text
from insource.models.chat_format import folded, takes_system
from insource.models.control_tokens import ControlTokens, Render
from insource.types import Example, Message, Task

IGNORE = -100


class TrainingRow(NamedTuple):
    """One training row.

    ``input_ids`` and ``labels`` have equal length; ``labels`` is ``IGNORE`` on the prompt.
    """

    row_id: str
    input_ids: list[int]
    labels: list[int]

    @property
    def answer_tokens(self) -> int:
        return sum(label != IGNORE for label in self.labels)


def control_tokens(tokenizer: Any) -> ControlTokens:
    """Return the control tokens of a tokenizer's vocabulary."""
    added = tokenizer.added_tokens_decoder.items()
    return ControlTokens({token.content: place for place, token in added if token.special})


def chat_render(tokenizer: Any) -> Render:
    """Return the function that writes messages as the model is asked, ending where the answer begins."""

    def render(turns: list[dict[str, str]]) -> str:
        template = tokenizer.chat_template
        known = takes_system(template, tokenizer.bos_token or "", tokenizer.eos_token or "")
        said = tokenizer.apply_chat_template(
            turns if known else folded(turns),
            add_generation_prompt=True,
            tokenize=False,
            enable_thinking=False,  # as the engine asks: an answer begins at once
        )
        return str(said)

    return render


def prompt_ids(tokenizer: Any, control: ControlTokens, messages: Sequence[Message]) -> list[int]:
    """Return the prompt's tokens by the model's chat template, ending where the answer begins.

    Control tokens come from the template only; one that a message spells is text.
    """
    ids: list[int] = []
    for piece in prompt_pieces(tokenizer, control, messages):
        ids += [piece] if isinstance(piece, int) else text_ids(tokenizer, piece)
    return ids


def prompt_pieces(tokenizer: Any, control: ControlTokens, messages: Sequence[Message]) -> list[int | str]:
    """Return the rendered prompt, cut at the template's control tokens: ids of those, texts between them."""
    return control.pieces(messages, chat_render(tokenizer))


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """Return the tokens of a text, none of them a control token."""
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def tokenize(tokenizer: Any, task: Task, examples: Sequence[Example]) -> list[TrainingRow]:
    """Return one row per example.

    Reasoning that the schema declares stands before the answer, which ends at the stop token. What follows
    it in the template is never generated in serving, so it is not trained either.
    """
    control = control_tokens(tokenizer)
    rows = []
    for example in examples:
        messages = task.messages(example.input, attributes=example.attributes)
        prompt = prompt_ids(tokenizer, control, messages)
        answer = [
            *text_ids(tokenizer, trained_text(example.target, example.reasoning, task.output)),
            tokenizer.eos_token_id,
        ]
        rows.append(TrainingRow(example.row_id, prompt + answer, [IGNORE] * len(prompt) + answer))
    return rows
