"""What ``catalogue.toml`` says of each base model: size, licence, context, chat template, tunability."""

from __future__ import annotations

import datetime
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from insource.types import Frozen

FILE = Path(__file__).with_name("catalogue.toml")
# Bits a weight, scales of the blocks included.
PRECISIONS = {"F32": 32.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.5625, "Q4_K_M": 4.85}
IN_WHEEL = "wheel"


class Shape(Frozen):
    """The widths of a model. ``tied``: the embeddings are the output layer, too."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    feed_forward: int
    vocabulary: int
    tied: bool


class KnownModel(Frozen):
    """One model of the catalogue. ``parameters`` is a count, ``context`` in tokens.

    ``source`` is ``wheel`` or a name for ``insource models pull``; ``tunability_source`` says who measured.
    """

    name: str
    source: str
    family: str
    architecture: str
    parameters: int
    context: int
    licence: str
    template: str
    good_for: str
    tunability: str
    tunability_source: str
    shape: Shape

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of the weights by precision: parameters times bits a weight."""
        return {name: round(self.parameters * bits / 8) for name, bits in PRECISIONS.items()}


class KnownModels(NamedTuple):
    """The catalogue and its date."""

    date: datetime.date
    models: dict[str, KnownModel]


@lru_cache(maxsize=1)
def known_models() -> KnownModels:
    """Return the catalogue."""
    written = tomllib.loads(FILE.read_text(encoding="utf-8"))
    sources = written["sources"] | {"": ""}
    found = {
        name: KnownModel(name=name, **entry | {"tunability_source": sources[entry["tunability_source"]]})
        for name, entry in written["models"].items()
    }
    return KnownModels(written["date"], found)
