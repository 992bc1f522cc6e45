"""Convert examples to token rows: the loss is computed on the answer and its stop token, not
on the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from insource.types import Example, Task

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


def prompt_ids(tokenizer: Any, task: Task, example: Example) -> list[int]:
    """Return the prompt's tokens by the model's chat template, ending where the answer begins."""
    messages = [m.model_dump() for m in task.messages(example.input, attributes=example.attributes)]
    return list(tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False))


def tokenize(tokenizer: Any, task: Task, examples: Sequence[Example]) -> list[TrainingRow]:
    """Return one row per example.

    The answer ends at the stop token. What follows it in the template is never generated in serving, so it is
    not trained either.
    """
    rows = []
    for example in examples:
        prompt = prompt_ids(tokenizer, task, example)
        answer = list(tokenizer(example.target, add_special_tokens=False)["input_ids"])
        answer.append(tokenizer.eos_token_id)
        rows.append(TrainingRow(example.row_id, prompt + answer, [IGNORE] * len(prompt) + answer))
    return rows
