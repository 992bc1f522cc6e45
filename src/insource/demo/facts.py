"""Draw the facts of one invented device: the gold answer of a document."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from insource.demo.chance import happens, pick, shuffled
from insource.demo.vocabulary import PROTOCOLS, Vendor
from insource.types import Split

MAINS_1_PHASE = (100, 110, 115, 120, 200, 208, 220, 230, 240, 277)
MAINS_3_PHASE = (200, 208, 220, 230, 240, 380, 400, 415, 440, 460, 480, 500, 525, 575, 600, 660, 690)
DC_SUPPLY = (24, 48, 125)  # disjoint from the AC voltages, so a voltage identifies its kind of supply
INPUTS = (*range(2, 21), 24, 28, 30, 32, 36, 40, 48, 64, 96, 128)
RELAYS = (*range(1, 13), 14, 16, 20, 24)
WARRANTY_YEARS = (1, 1, 2, 2, 2, 3, 3, 4, 5, 5, 6, 7, 10)
LETTERS = "ABCDEFGHJKLMNPRSTUVWX"

# Each split owns some of ten classes of identifiers, so that splits share no identifier.
SPLIT_CLASSES: dict[Split, range] = {
    "train": range(0, 4),
    "validation": range(4, 5),
    "calibration": range(5, 6),
    "test": range(6, 10),
}


def identifier(rng: np.random.Generator, patterns: tuple[str, ...], split: Split) -> str:
    """Return an identifier of one of the patterns (``#`` a digit, ``@`` a letter) that ``split`` owns."""
    while True:
        drawn = "".join(_character(rng, c) for c in pick(rng, patterns))
        if hashlib.sha256(drawn.encode()).digest()[0] % 10 in SPLIT_CLASSES[split]:
            return drawn


def _character(rng: np.random.Generator, symbol: str) -> str:
    if symbol == "#":
        return str(rng.integers(10))
    return pick(rng, LETTERS) if symbol == "@" else symbol


def sample_gold(rng: np.random.Generator, vendor: Vendor, split: Split) -> dict[str, Any]:
    """Return the gold answer of one document: all keys in schema order, null for facts it does not state."""
    named = not happens(rng, 0.05)
    return {
        "model_number": identifier(rng, vendor.models, split) if named else None,
        "power_requirements": _power(rng),
        "io_config": _io(rng),
        "protocols": _protocols(rng),
        "warranty_years": None if happens(rng, 0.15) else pick(rng, WARRANTY_YEARS),
    }


def _power(rng: np.random.Generator) -> dict[str, str | None]:
    if happens(rng, 0.06):
        return dict.fromkeys(("voltage", "phase", "frequency", "amperage"))
    amperage = None if happens(rng, 0.12) else f"{_amperes(rng)} A"
    if happens(rng, 0.12):
        return {
            "voltage": f"{pick(rng, DC_SUPPLY)} V",
            "phase": None,
            "frequency": None,
            "amperage": amperage,
        }
    three = happens(rng, 0.65)
    return {
        "voltage": None
        if happens(rng, 0.06)
        else f"{pick(rng, MAINS_3_PHASE if three else MAINS_1_PHASE)} V",
        "phase": None if happens(rng, 0.12) else ("3-phase" if three else "1-phase"),
        "frequency": None if happens(rng, 0.12) else pick(rng, ("50 Hz", "60 Hz")),
        "amperage": amperage,
    }


def _amperes(rng: np.random.Generator) -> str:
    size = rng.random()
    if size < 0.15:
        return f"0.{rng.integers(2, 10)}"
    if size < 0.65:
        return f"{rng.integers(10, 500) / 10:g}"
    return str(rng.integers(2, 160))


def _io(rng: np.random.Generator) -> dict[str, int | None]:
    if happens(rng, 0.08):
        return {"digital_inputs": None, "relay_outputs": None}
    return {
        "digital_inputs": None if happens(rng, 0.10) else pick(rng, INPUTS),
        "relay_outputs": None if happens(rng, 0.14) else pick(rng, RELAYS),
    }


def _protocols(rng: np.random.Generator) -> list[str] | None:
    count = pick(rng, (0, 1, 1, 1, 2, 2, 2, 2, 3, 3))
    return shuffled(rng, tuple(PROTOCOLS))[:count] or None
