"""How far a figure has to move to matter: with many calls every trifle is beyond chance."""

from __future__ import annotations

from insource.types.monitoring import Unit

LEAST: dict[Unit, tuple[float, float]] = {
    "ratio": (0.02, 0.0),
    "confidence": (0.01, 0.0),
    "characters": (0.0, 0.1),
    "lines": (0.0, 0.1),
    "seconds": (0.05, 0.5),
}
"""By how much a figure has to move: absolute, and relative to the reference; the larger of the two."""


def is_large(unit: Unit, reference: float, live: float) -> bool:
    """Return whether a figure moved by as much as ``LEAST`` says."""
    absolute, relative = LEAST[unit]
    return abs(live - reference) >= max(absolute, relative * abs(reference))
