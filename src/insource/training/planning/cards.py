"""Graphics cards by name: memory, speed, power and prices, as ``cards.toml`` states them."""

from __future__ import annotations

import datetime
import difflib
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from insource.foundation.errors import UserError
from insource.training.planning.machine import Machine
from insource.types import Frozen

FILE = Path(__file__).with_name("cards.toml")
MIB = 2**20
TERA = 1e12
FREE = 0.96
"""Share of the memory in nvidia-smi that PyTorch can have: vLLM's logs show 23.58 GiB of a card of 24 GiB."""


class Card(Frozen):
    """One card; see ``cards.toml`` for what each figure means. Prices are None where none is known."""

    key: str
    name: str
    memory_mib: int = Field(gt=0)
    bandwidth_gb_s: float = Field(gt=0)
    bfloat16_tflops: float = Field(ge=0)
    float32_tflops: float = Field(gt=0)
    watts: float = Field(gt=0)
    buy_usd: float | None = Field(None, gt=0)
    rent_usd: float | None = Field(None, gt=0)
    skypilot: str = ""
    specification: str
    buy_source: str = ""
    rent_source: str = ""

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * MIB

    def machine(self, cards: int = 1) -> Machine:
        """Return a machine with ``cards`` of this card and nothing else on them."""
        stated = {"float32": self.float32_tflops * TERA, "bfloat16": self.bfloat16_tflops * TERA}
        return Machine(
            device="cuda",
            name=self.name,
            cores=1,
            memory_bytes=self.memory_bytes,
            free_bytes=round(FREE * self.memory_bytes),
            bfloat16=self.bfloat16_tflops > 0,
            bitsandbytes=True,
            cards=cards,
            stated_operations_per_s={name: value for name, value in stated.items() if value},
        )


class KnownCards(NamedTuple):
    """The cards by key, smallest memory first, and the date of the file."""

    date: datetime.date
    cards: dict[str, Card]


@lru_cache(maxsize=1)
def known_cards() -> KnownCards:
    """Return the cards of the file."""
    written = tomllib.loads(FILE.read_text(encoding="utf-8"))
    sources = written["sources"] | {"": ""}
    kinds = ("specification", "buy_source", "rent_source")
    found = [
        Card(key=key, **entry | {kind: sources[entry.get(kind, "")] for kind in kinds})
        for key, entry in written["cards"].items()
    ]
    ordered = sorted(found, key=lambda card: card.memory_mib)
    return KnownCards(written["date"], {card.key: card for card in ordered})


def card_named(name: str) -> Card:
    """Return the card with this key or name, however it is spelled, or the only one that begins so.

    Raises:
        UserError: ``card-unknown``, with the closest names.
    """
    cards, spelled = known_cards().cards, _spelling(name)
    by_spelling = {_spelling(one): card for card in cards.values() for one in (card.key, card.name)}
    if found := by_spelling.get(spelled):
        return found
    keys = {_spelling(key): key for key in cards}
    begin = [key for one, key in keys.items() if spelled and one.startswith(spelled)]
    if len(begin) == 1:
        return cards[begin[0]]
    close = begin or [keys[one] for one in difflib.get_close_matches(spelled, keys, n=3, cutoff=0.5)]
    raise UserError(
        "card-unknown",
        f"There is no card `{name}` in the list of cards.",
        details=(f"Known: {', '.join(cards)}.",),
        hint=f"Did you mean {' or '.join(f'`{key}`' for key in close)}?"
        if close
        else "Use one of these, or `--card auto` for the cheapest on which it fits.",
    )


def _spelling(name: str) -> str:
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    return plain.removeprefix("nvidia").removeprefix("geforce")
