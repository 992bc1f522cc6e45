"""The machine that trains: its device, memory and cores, as the process may use them."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Literal

from insource.config.training import Precision
from insource.foundation.cores import usable_cores
from insource.foundation.files import write_json
from insource.types import Frozen

GIB = 2**30
KEPT = "machine.json"
CONTROL_GROUP = Path("/sys/fs/cgroup")
MEMORY_INFO = Path("/proc/meminfo")
CPU_INFO = Path("/proc/cpuinfo")


class Machine(Frozen):
    """What trains. ``memory_bytes`` is all of the device's memory, ``free_bytes`` what is free of it now.

    ``bfloat16`` says that the device multiplies that type natively, ``bitsandbytes`` that 4-bit and 8-bit
    training is installed and works on this device. ``cards`` counts the CUDA devices.
    ``stated_operations_per_s`` is what a datasheet says of a machine that is not this one.
    """

    device: Literal["cpu", "cuda"]
    name: str
    cores: int
    memory_bytes: int
    free_bytes: int
    bfloat16: bool
    bitsandbytes: bool = False
    cards: int = 0
    stated_operations_per_s: dict[Precision, float] = {}

    @property
    def in_words(self) -> str:
        what = self.name if self.device == "cuda" else f"CPU, {self.cores} cores"
        type_ = "native bfloat16" if self.bfloat16 else "no native bfloat16"
        memory = f"{self.free_bytes / GIB:.1f} of {self.memory_bytes / GIB:.1f} GiB free"
        return f"{what}, {type_}, {memory}"


def this_machine() -> Machine:
    """Return the device that training will use: the first CUDA device, else the CPU.

    Without PyTorch no CUDA device is found; what the CPU multiplies is read from its flags.
    """
    cores = usable_cores()
    if not _installed("torch"):
        return _cpu(cores, bfloat16="avx512_bf16" in _cpu_flags())
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return Machine(
            device="cuda",
            name=torch.cuda.get_device_name(),
            cores=cores,
            memory_bytes=total,
            free_bytes=free,
            bfloat16=torch.cuda.is_bf16_supported(),
            bitsandbytes=_installed("bitsandbytes"),
            cards=torch.cuda.device_count(),
        )
    return _cpu(cores, bfloat16=bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


def _cpu(cores: int, *, bfloat16: bool) -> Machine:
    total, free = cpu_memory()
    return Machine(
        device="cpu",
        name=platform.machine(),
        cores=cores,
        memory_bytes=total,
        free_bytes=free,
        bfloat16=bfloat16,
    )


def kept_machine(folder: Path) -> Machine:
    """Return the machine as the first attempt in this run folder found it, this one where none began there.

    What is free changes; a resumed run has to compute its steps in the same parts to get the same bytes.
    """
    kept = folder / KEPT
    if kept.exists():
        return Machine.model_validate_json(kept.read_text(encoding="utf-8"))
    return this_machine()


def keep_machine(folder: Path, machine: Machine) -> None:
    """Keep the machine for later attempts; an attempt that a check stopped must not decide for them."""
    write_json(folder / KEPT, machine.model_dump())


def cpu_memory(info: Path = MEMORY_INFO, group: Path = CONTROL_GROUP) -> tuple[int, int]:
    """Return total and available memory in bytes, within the limit of the process's control group.

    Sources: ``MemTotal`` and ``MemAvailable`` of proc(5); ``memory.max``, ``memory.current`` of cgroups v2,
    or ``memory.limit_in_bytes`` and ``memory.usage_in_bytes`` of v1.
    """
    fields = dict(line.split(":", 1) for line in info.read_text(encoding="ascii").splitlines() if ":" in line)
    total, free = (1024 * int(fields[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    for folder, limit_name, used_name in (
        (group, "memory.max", "memory.current"),
        (group / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit, used = _number(folder / limit_name), _number(folder / used_name)
        if limit is not None and used is not None and limit < total:
            total, free = limit, min(free, max(0, limit - used + _reclaimable(folder)))
    return total, free


def _reclaimable(folder: Path) -> int:
    """Return the bytes of cached files that the kernel gives up first; a group's use counts them."""
    try:
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))


def _cpu_flags(info: Path = CPU_INFO) -> set[str]:
    try:
        lines = info.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such group, or "max"
        return None


def _installed(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None
