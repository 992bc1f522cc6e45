"""What a recipe needs to know about the rows."""

from __future__ import annotations

from collections.abc import Sequence

from insource.training.tokenize import TrainingRow
from insource.types import Frozen


class DataFacts(Frozen):
    """Counts over the token rows: examples of the training split, lengths over training and validation."""

    examples: int
    mean_row_tokens: float
    longest_row_tokens: int
    mean_answer_tokens: float
    longest_answer_tokens: int
    validation_rows: int = 0

    @property
    def answer_share(self) -> float:
        """The share of tokens that the loss is computed on."""
        return self.mean_answer_tokens / self.mean_row_tokens


def facts_of(train: Sequence[TrainingRow], validation: Sequence[TrainingRow]) -> DataFacts:
    """Return the facts about these rows; ``train`` has at least one."""
    rows = [*train, *validation]
    return DataFacts(
        examples=len(train),
        mean_row_tokens=sum(len(row.input_ids) for row in train) / len(train),
        longest_row_tokens=max(len(row.input_ids) for row in rows),
        mean_answer_tokens=sum(row.answer_tokens for row in train) / len(train),
        longest_answer_tokens=max(row.answer_tokens for row in rows),
        validation_rows=len(validation),
    )
