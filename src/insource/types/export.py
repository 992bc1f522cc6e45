"""What an export holds: each step's agreement with the trained model, and the files."""

from __future__ import annotations

from insource.types.base import Frozen
from insource.types.estimate import NOT_MEASURED, Estimate


class StepParity(Frozen):
    """How one step of an export answers, against the trained model, on validation prompts without a grammar.

    ``exact`` is the share of prompts with the same answer, token by token. ``first_difference`` is the
    earliest place, over all prompts, at which two answers part (0 is the first token), None where none does;
    ``differing`` has the prompts with another answer and their place. ``quality`` is the task's metric of
    this step and ``trained`` that of the trained model; ``difference`` is paired by document. ``lossless``
    steps should change no number beyond rounding.
    """

    step: str
    lossless: bool
    prompts: int
    exact: Estimate
    first_difference: int | None = None
    differing: dict[str, int] = {}
    metric: str
    quality: Estimate = NOT_MEASURED
    trained: Estimate = NOT_MEASURED
    difference: Estimate = NOT_MEASURED
    passed: bool
    sentence: str


class ExportedFile(Frozen):
    """One format of an export: its file or folder, its size, and its parity.

    ``file_type`` is what a GGUF file says of itself, ``tensors`` counts its tensors by type, and ``note``
    says why that is not what was asked for.
    """

    format: str
    file: str
    bytes: int
    digest: str
    file_type: str = ""
    tensors: dict[str, int] = {}
    note: str = ""
    parity: StepParity
