"""Choose precision, optimiser, checkpointing and micro-batch so that a step fits into the memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from insource.config.training import Optimizer, Precision, TrainingSection
from insource.training.planning.data import DataFacts
from insource.training.planning.machine import Machine
from insource.training.planning.memory import (
    CUDA_CONTEXT_BYTES,
    PROCESS_BYTES,
    Memory,
    Step,
    peak,
)
from insource.training.planning.shape import ModelShape
from insource.types import Frozen

T = TypeVar("T")
GB = 1e9
CPU_MEMORY_GB = 4.0
CPU_MICRO_BATCH_TOKENS = 1024
CUDA_MICRO_BATCH_TOKENS = 16_384


class Chosen(NamedTuple, Generic[T]):
    """A value and the reason for it."""

    value: T
    reason: str


class Fit(NamedTuple):
    """What a step is made of, its peak, and what it may take of the memory."""

    precision: Chosen[Precision]
    optimizer: Chosen[Optimizer]
    checkpointing: Chosen[bool]
    micro_batch_tokens: Chosen[int]
    memory: Memory
    available_bytes: int


class _Candidate(Frozen):
    precision: Precision
    optimizer: Optimizer
    checkpointing: bool
    tokens: int


def fit(
    section: TrainingSection,
    shape: ModelShape,
    machine: Machine,
    data: DataFacts,
    *,
    batch_size: int,
    rank: int,
) -> Fit:
    """Return the fastest step that fits, or the smallest one when none does.

    The order: without checkpointing before with it, wide micro-batches before narrow ones. On a CPU a step
    may take 4 GB when that is enough, else what is free. What ``section`` states is not changed.
    """
    tried = [
        (one, peak(shape, _step(one, section, machine, data, rank)))
        for one in _candidates(section, machine, data, batch_size)
    ]
    smallest = min(tried, key=lambda pair: pair[1].total)
    for available in _limits(section, machine):
        fitting = (pair for pair in tried if pair[1].needed <= available)
        chosen, memory = next(fitting, smallest)
        if memory.needed <= available:
            break
    return Fit(
        precision=Chosen(chosen.precision, _precision_reason(section, machine)),
        optimizer=Chosen(chosen.optimizer, _optimizer_reason(section, chosen)),
        checkpointing=Chosen(chosen.checkpointing, _checkpointing_reason(section, chosen)),
        micro_batch_tokens=Chosen(chosen.tokens, _micro_batch_reason(section, machine, data, chosen)),
        memory=memory,
        available_bytes=round(available),
    )


def _limits(section: TrainingSection, machine: Machine) -> tuple[float, ...]:
    """Return what a process may take, the preferred limit first: processes share a CPU's memory."""
    share = section.processes if machine.device == "cpu" else 1
    if section.max_memory_gb:
        return (section.max_memory_gb * GB / share,)
    if machine.device == "cpu" and machine.free_bytes > CPU_MEMORY_GB * GB:
        return (CPU_MEMORY_GB * GB / share, machine.free_bytes / share)
    return (machine.free_bytes / share,)


def _candidates(
    section: TrainingSection, machine: Machine, data: DataFacts, batch_size: int
) -> Iterator[_Candidate]:
    checkpointing = (
        (False, True) if section.gradient_checkpointing is None else (section.gradient_checkpointing,)
    )
    for precision, optimizer in _types(section, machine):
        for again in checkpointing:
            for tokens in _sizes(section, machine, data, batch_size):
                yield _Candidate(precision=precision, optimizer=optimizer, checkpointing=again, tokens=tokens)


def _types(section: TrainingSection, machine: Machine) -> list[tuple[Precision, Optimizer]]:
    """Return types of weights and optimisers to try, the most exact first."""
    native: Precision = "bfloat16" if machine.bfloat16 else "float32"
    exact: Precision = "float32" if section.method == "full" else native
    types: list[tuple[Precision, Optimizer]] = [
        (section.precision or exact, section.optimizer or "adamw"),
    ]
    if section.method == "full" and machine.device == "cuda" and machine.bitsandbytes:
        types.append((section.precision or native, section.optimizer or "paged_adamw_8bit"))
    return types


def _sizes(section: TrainingSection, machine: Machine, data: DataFacts, batch_size: int) -> tuple[int, ...]:
    """Return micro-batches in tokens, wide ones first; each holds the longest row at least."""
    longest = data.longest_row_tokens
    if section.micro_batch_tokens:
        return (max(section.micro_batch_tokens, longest),)
    most = CPU_MICRO_BATCH_TOKENS if machine.device == "cpu" else CUDA_MICRO_BATCH_TOKENS
    tokens = max(longest, min(most, batch_size * longest))
    sizes = [tokens]
    while tokens > longest:
        tokens = max(longest, tokens // 2)
        sizes.append(tokens)
    return tuple(sizes)


def _step(
    candidate: _Candidate, section: TrainingSection, machine: Machine, data: DataFacts, rank: int
) -> Step:
    on_cuda = machine.device == "cuda"
    answers = max(data.longest_answer_tokens, round(candidate.tokens * data.answer_share))
    return Step(
        method=section.method,
        rank=rank,
        targets=section.target_modules,
        tokens=candidate.tokens,
        answer_tokens=min(answers, candidate.tokens),
        longest=0 if on_cuda else data.longest_row_tokens,
        precision=candidate.precision,
        optimizer=candidate.optimizer,
        checkpointing=candidate.checkpointing,
        loss="fused" if on_cuda else "chunks",
        shards=section.processes if section.sharded else 1,
        context_bytes=CUDA_CONTEXT_BYTES if on_cuda else PROCESS_BYTES,
    )


def _precision_reason(section: TrainingSection, machine: Machine) -> str:
    if section.precision:
        return "given"
    if section.method == "full":
        return "every weight is trained, and bfloat16 would lose small updates"
    where = "this GPU" if machine.device == "cuda" else "this CPU"
    if machine.bfloat16:
        return f"{where} multiplies bfloat16 natively; adapters and optimiser stay in float32"
    return f"{where} has no native bfloat16"


def _optimizer_reason(section: TrainingSection, chosen: _Candidate) -> str:
    if section.optimizer:
        return "given"
    if chosen.optimizer == "adamw":
        return "its state fits" if section.method == "full" else "its state is small for adapters"
    return "the state of AdamW in float32 does not fit"


def _checkpointing_reason(section: TrainingSection, chosen: _Candidate) -> str:
    if section.gradient_checkpointing is not None:
        return "given"
    if chosen.checkpointing:
        return "the activations do not fit otherwise; a step takes a quarter to a third longer"
    return "the activations fit"


def _micro_batch_reason(
    section: TrainingSection, machine: Machine, data: DataFacts, chosen: _Candidate
) -> str:
    if section.micro_batch_tokens:
        return "given" if section.micro_batch_tokens >= data.longest_row_tokens else "the longest row"
    if chosen.tokens == data.longest_row_tokens:
        return "the longest row"
    if machine.device == "cpu" and chosen.tokens == CPU_MICRO_BATCH_TOKENS:
        return "a CPU gains nothing from wider ones"
    return "the widest that fits, at most one batch"
