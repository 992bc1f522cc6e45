"""How much memory an engine needs, and whether this machine has it.

An engine that runs out of memory in the middle of a batch is killed by the system, so the need is computed
from the model file before the engine starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from insource.foundation.errors import PrerequisiteError, UserError
from insource.models.control_tokens import TOKENS
from insource.models.gguf_metadata import read_values
from insource.serving.engine import EngineSettings

GB = 1e9
MOST_SLOTS = 4
ROOM_TO_SPARE = 0.5  # of the free memory, so that other programs and a second engine have some
CACHE_BYTES = 2  # keys and values are kept in float16
BATCH = 512  # tokens that llama.cpp computes at once
PROMPT_CACHE_BYTES = 256 << 20  # as the engine's child is told; with adapters it has none
PROCESS_BYTES = 100 << 20  # Python, the library and its buffers
HEADS = ("attention.head_count", "attention.head_count_kv", "attention.key_length")
CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


class Need(NamedTuple):
    """The engine's memory in bytes, by what it is for."""

    weights: int
    cache: int
    work: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.work

    @property
    def sentence(self) -> str:
        return (
            f"{self.total / GB:.1f} GB: weights {self.weights / GB:.2f}, context {self.cache / GB:.2f}, "
            f"work {self.work / GB:.2f}"
        )


class Sizes(NamedTuple):
    """Widths of a model: layers, hidden size, keys of one layer (heads times head size), vocabulary."""

    layers: int
    hidden: int
    kept: int
    vocabulary: int


def need(settings: EngineSettings) -> Need:
    """Return what an engine with these settings needs.

    Raises:
        UserError: ``model-unreadable`` for a damaged or missing file.
    """
    try:
        weights = sum(file.stat().st_size for file in (settings.gguf, *settings.adapters))
        architecture = read_values(settings.gguf, "general.architecture").get("general.architecture", "")
        sizes = ("block_count", "embedding_length", *HEADS)
        found = read_values(settings.gguf, TOKENS, *(f"{architecture}.{size}" for size in sizes))
    except (OSError, ValueError) as error:
        raise UserError(
            "model-unreadable",
            f"The model file {settings.gguf} cannot be read: {error}.",
            hint="Fetch the file again, or choose another model with training.model.",
        ) from error
    layers, width, heads, kept, head = (_number(found.get(f"{architecture}.{size}")) for size in sizes)
    width_kept = (kept or heads) * head if head else width * (kept or heads) // max(heads, 1)
    return need_of(
        Sizes(layers, width, width_kept, len(found.get(TOKENS, ()))),
        weights=weights,
        context_tokens=settings.context_tokens,
        slots=settings.slots,
        prompt_cache=0 if settings.adapters else PROMPT_CACHE_BYTES,
    )


def need_of(
    sizes: Sizes, *, weights: int, context_tokens: int, slots: int, prompt_cache: int = PROMPT_CACHE_BYTES
) -> Need:
    """Return what an engine of llama.cpp needs with weights of so many bytes and ``slots`` contexts."""
    return Need(
        weights=weights,
        cache=2 * sizes.layers * sizes.kept * CACHE_BYTES * context_tokens * slots,
        work=4 * (8 * BATCH * sizes.hidden + slots * sizes.vocabulary) + prompt_cache + PROCESS_BYTES,
    )


def require_memory(settings: EngineSettings) -> None:
    """Check that an engine with these settings fits into the memory that is free, or that it may take.

    Raises:
        PrerequisiteError: ``not-enough-memory``, with the numbers.
        UserError: as ``need``.
    """
    needed = need(settings)
    limit = settings.memory_limit_bytes
    allowed = limit if limit is not None else free_bytes()
    if allowed is None or needed.total <= allowed:
        return
    given = "serving.memory_limit_gb allows" if limit is not None else "this machine has free"
    raise PrerequisiteError(
        "not-enough-memory",
        f"The engine needs {needed.total / GB:.1f} GB, and {given} {allowed / GB:.1f} GB.",
        details=(needed.sentence,),
        hint=_what_fits(settings, needed, allowed),
    )


def slots_that_fit(settings: EngineSettings) -> int:
    """Return how many documents to answer at once, up to ``MOST_SLOTS``: each has a context of its own.

    Each takes longer, all together less (`benchmarks/bench_serving.py`). What the memory of an engine
    elsewhere holds is not known here; it lets the documents wait that it has no room for.

    Raises:
        UserError: as ``need``.
    """
    if settings.url:
        return MOST_SLOTS
    limit = settings.memory_limit_bytes
    allowed = limit if limit is not None else free_bytes()
    for slots in range(MOST_SLOTS, 1, -1):
        needed = need(settings.model_copy(update={"slots": slots})).total
        if allowed is None or needed <= ROOM_TO_SPARE * allowed:
            return slots
    return 1


def memory_sentence(settings: EngineSettings) -> str:
    """Say what the engine was expected to need, and what is free."""
    free = free_bytes()
    return f"It needs {need(settings).sentence}" + (
        "." if free is None else f"; {free / GB:.1f} GB are free."
    )


def free_bytes() -> int | None:
    """Return the bytes that a new process may take: of the machine, or of the control group if less."""
    free = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free.append(int(line.split()[1]) * 1024)
    except OSError:  # no Linux
        return None
    for limit, used in CGROUPS:
        try:
            free.append(int(limit.read_text()) - int(used.read_text()))
        except (OSError, ValueError):  # another version of control groups, or no limit ("max")
            continue
    return max(0, min(free)) if free else None


def _what_fits(settings: EngineSettings, needed: Need, allowed: int) -> str:
    for_context = allowed - needed.total + needed.cache
    tokens = settings.context_tokens * for_context // max(needed.cache, 1)
    if tokens >= settings.context_tokens // 4 and tokens > 0:
        return f"Set context_tokens = {tokens} or less in [serving], or close other programs."
    return "Choose a smaller base model in training.model, or close other programs."


def _number(value: object) -> int:
    """Some architectures list a value for each layer."""
    if isinstance(value, list):
        return max((int(one) for one in value), default=0)
    return int(value) if isinstance(value, int | float) else 0
