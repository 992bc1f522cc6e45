"""Generate the demo's documents: technical specifications with their gold answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from insource.demo.chance import happens, pick, shuffled
from insource.demo.facts import sample_gold
from insource.demo.layouts import HELD_OUT, LAYOUTS, MACHINE_WRITTEN, SEEN
from insource.demo.noise import scan
from insource.demo.sheet import build_sheet
from insource.demo.vocabulary import VENDORS
from insource.foundation.rng import generator
from insource.types import Split

NOISY_SHARE = 0.2
UNSEEN_OF_FIVE = (1, 3)  # positions in a block of five test documents that get a held-out layout


def generate(counts: dict[Split, int], seed: int) -> Iterator[dict[str, Any]]:
    """Yield rows ``{"id", "input", "output", "split", "group"}``; ``group`` is the name of the layout.

    Only the test split has documents in held-out layouts: two of five, spread evenly over the eight layouts.
    Document i of a split does not depend on the counts. Splits share no device identifier.
    """
    for split, count in counts.items():
        for index in range(count):
            yield _document(split, index, seed)


def _document(split: Split, index: int, seed: int) -> dict[str, Any]:
    rng = generator(seed, f"demo.{split}.{index}")
    name = layout_of(split, index, seed)
    vendor = pick(rng, VENDORS)
    gold = sample_gold(rng, vendor, split)
    noisy = name not in MACHINE_WRITTEN and happens(rng, NOISY_SHARE)
    text = LAYOUTS[name](build_sheet(rng, vendor, gold, split, smudged=noisy), rng)
    return {
        "id": f"{split}-{index:05}",
        "input": scan(rng, text) if noisy else text,
        "output": gold,
        "split": split,
        "group": name,
    }


def layout_of(split: Split, index: int, seed: int) -> str:
    """Return the layout of one document. The pool is shuffled, and used up before a layout repeats."""
    pool, turn = SEEN, index
    if split == "test":
        block, place = divmod(index, 5)
        unseen = place in UNSEEN_OF_FIVE
        pool = HELD_OUT if unseen else SEEN
        turn = block * 2 + UNSEEN_OF_FIVE.index(place) if unseen else block * 3 + place // 2
    cycle, step = divmod(turn, len(pool))
    stream = f"demo.layouts.{split}.{'unseen' if pool is HELD_OUT else 'seen'}.{cycle}"
    return shuffled(generator(seed, stream), pool)[step]
