"""The rows of a training run, tokenised, and what the checks before training say about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from insource.config.training import TrainingSection
from insource.evaluation.sample import sample
from insource.foundation.errors import InsourceError
from insource.foundation.rng import derived_seed
from insource.models.catalogue import BaseModel
from insource.training import answer_form
from insource.training.base import load_tokenizer, unpacked
from insource.training.planning.data import facts_of
from insource.training.planning.machine import Machine
from insource.training.planning.shape import ModelShape, shape_of
from insource.training.preflight import (
    check_counts,
    check_leakage,
    check_prefixes,
    check_rows,
    check_system_prompt,
    check_template,
    check_writable,
    failures,
)
from insource.training.recipe import Choice, Recipe, plan
from insource.training.select.documents import CheckpointDocuments, checkpoint_documents
from insource.training.tokenize import TrainingRow, tokenize
from insource.types import Dataset, Example, Task, TrainingSummary


class Prepared(NamedTuple):
    """Token rows of the training split and of ``seen``, a sample of the validation documents that choose.

    ``failed`` are the checks that stop the training. ``longest_answer`` counts the tokens of an answer with
    its keys, because prompted models write them; ``answers`` is how answers are trained, if that can be
    chosen.
    """

    rows: Sequence[TrainingRow]
    validation: Sequence[TrainingRow]
    seen: Sequence[Example]
    choosing: CheckpointDocuments
    pad_id: int
    failed: tuple[InsourceError, ...]
    longest_answer: int
    answers: Choice | None = None


def prepare(
    dataset: Dataset,
    task: Task,
    base: BaseModel,
    section: TrainingSection,
    earlier: Sequence[TrainingSummary] = (),
) -> Prepared:
    """Tokenise the rows and check them; ``earlier`` are runs on the same rows.

    Raises:
        IntegrityError: ``stop-token-missing``; without a template nothing can be tokenised.
        DataError: ``no-training-rows``.
    """
    train = dataset.splits["train"]
    held_out = [e for split, examples in dataset.splits.items() if split != "train" for e in examples]
    tokenizer = load_tokenizer(base)
    check_template(tokenizer)
    choosing = checkpoint_documents(dataset.splits["validation"])
    seen = sample(choosing.examples, section.validation_documents)
    written = [answer_form.as_trained(task, split, section) for split in (train, seen)]
    rows, validation = (tokenize(tokenizer, task, examples) for examples in written)
    check_counts(train, rows)
    context = base_shape(base).context or section.max_tokens
    failed = failures(
        (
            lambda: check_leakage(train, held_out),
            lambda: check_system_prompt(tokenizer, task),
            lambda: check_rows(
                [*rows, *validation], min(section.max_tokens, context), stop=tokenizer.eos_token_id
            ),
            lambda: check_prefixes(tokenizer, task, written[0]),
            lambda: check_writable(task, train),
        )
    )
    # Many GGUF files name no token to pad with; any will do, because nothing attends to it
    pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    answers = answer_form.choice(task, tokenizer, seen, section, earlier)
    keyed = tokenize(tokenizer, task, [*train, *seen]) if section.compact_answers else [*rows, *validation]
    longest = max(row.answer_tokens for row in keyed)
    return Prepared(rows, validation, seen, choosing, pad_id, tuple(failed), longest, answers)


def base_shape(base: BaseModel) -> ModelShape:
    """Return the shape of a base model, from its unpacked ``config.json``."""
    return shape_of(json.loads((unpacked(base) / "config.json").read_text(encoding="utf-8")))


def recipe_for(
    rows: Sequence[TrainingRow],
    validation: Sequence[TrainingRow],
    base: BaseModel,
    section: TrainingSection,
    seed: int,
    machine: Machine,
) -> Recipe:
    """Return the recipe for these rows on a machine."""
    return plan(
        data=facts_of(rows, validation),
        shape=base_shape(base),
        machine=machine,
        seed=derived_seed(seed, "training"),
        section=section,
    )
