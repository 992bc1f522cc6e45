"""Read objects of a PDF. What is damaged, of another kind, or refers to nothing counts as absent."""

from __future__ import annotations

from typing import Any

# The objects of pypdf are Python's dictionaries, lists, numbers and texts.


def resolved(value: Any) -> Any:
    """Return what a value refers to; None for a reference to nothing."""
    return value.get_object() if hasattr(value, "get_object") else value


def entries(value: Any) -> dict[str, Any]:
    """Return a dictionary; an empty one for anything else."""
    found = resolved(value)
    return found if isinstance(found, dict) else {}


def items(value: Any) -> list[Any]:
    """Return the elements of an array, each resolved; none for anything else."""
    found = resolved(value)
    return [resolved(one) for one in found] if isinstance(found, list) else []


def number(value: Any) -> float:
    """Return a number; 0 for anything else."""
    found = resolved(value)
    return float(found) if isinstance(found, int | float) else 0.0


def text(value: Any) -> str:
    """Return a text string, also one that is kept as a stream; empty for anything else."""
    found = resolved(value)
    if hasattr(found, "get_data"):
        found = found.get_data()
    if isinstance(found, bytes):
        found = found.decode("utf-16" if found.startswith(b"\xfe\xff") else "utf-8", "replace")
    return found.replace("\r\n", "\n").replace("\r", "\n").strip() if isinstance(found, str) else ""
