"""The section ``[evaluation]``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from insource.types import Frozen
from insource.types.comparison import GroupTest, Question

Rung = Literal[
    "zero-shot", "few-shot", "retrieved", "optimised", "zero-shot free", "few-shot free", "retrieved free"
]
"""A way to prompt a base model; ``free`` is without the grammar of the answer."""


class EvaluationSection(Frozen):
    """``[evaluation]``: how many documents each evaluation uses, and which prompted models are measured."""

    test_documents: int | None = Field(
        None, gt=0, description="Maximum test documents for the tuned model; when empty, all."
    )
    base_documents: int = Field(
        40, gt=0, description="Test documents for the prompted base models, a subset of those above."
    )
    prompted: tuple[Rung, ...] = Field(
        ("zero-shot free", "zero-shot", "retrieved"),
        description="Ways to prompt a base model: without examples, with fixed ones (few-shot), with those"
        " most similar to the document (retrieved), or as chosen on validation (optimised); `free` is without"
        " the grammar.",
    )
    prompted_models: tuple[str, ...] = Field(
        (),
        description="Base models to prompt, as catalogue names or gguf/PATH; when empty, the training model.",
    )
    shots: int = Field(3, gt=0, description="Maximum examples in a prompt; fewer when the context is full.")
    prompt_budget: int = Field(
        8, gt=0, description="Settings that `optimised` scores, each on 12 validation documents."
    )
    knowledge: str = Field(
        "",
        description="Folder of reference documents; their most similar passages are put into the prompt of an"
        " arm of its own.",
    )
    question: Question = Field(
        "documents",
        description="What the verdict is about: `documents` from the groups of the test split, or `groups` "
        "to come.",
    )
    group_test: GroupTest = Field(
        "cluster t",
        description="Test of the question on groups to come: `cluster t` or the exact `sign flip`.",
    )
    validation_documents: int | None = Field(
        100, gt=0, description="Maximum validation documents to choose the candidate on; when empty, all."
    )
    calibration_documents: int | None = Field(
        None, gt=0, description="Maximum calibration documents; when empty, all."
    )
    parity_prompts: int = Field(
        6, gt=0, description="Number of validation prompts that the parity check uses."
    )
    max_new_tokens: int | None = Field(
        None,
        gt=0,
        description="Maximum answer length (tokens); when empty, 1.5 times the longest training answer.",
    )
    concurrency: int = Field(
        4, ge=1, le=64, description="Calls in flight at once to a model that is not on this machine."
    )
    repeats: int = Field(
        0, ge=0, description="How often documents are asked again, for the agreement from run to run."
    )
    repeat_documents: int = Field(20, gt=0, description="How many documents are asked again.")
