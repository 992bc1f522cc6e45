"""Made-up texts, and copies of them at a known Jaccard similarity of their 5-character shingles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def vocabulary(generator: np.random.Generator, size: int = 5000) -> np.ndarray:
    """Made-up words of two to nine letters."""
    return np.array(
        ["".join(generator.choice(LETTERS, generator.integers(2, 10))) for _ in range(size)], object
    )


def documents(count: int, generator: np.random.Generator, words: int = 30) -> Iterator[str]:
    """Texts of so many words, frequent ones more often (Zipf)."""
    known = vocabulary(generator)
    weights = 1 / np.arange(1, len(known) + 1)
    weights /= weights.sum()
    for begin in range(0, count, 1000):
        drawn = generator.choice(known, (min(1000, count - begin), words), p=weights)
        yield from map(" ".join, drawn.tolist())


def pieces(text: str) -> frozenset[str]:
    """The shingles of a text of lower-case words, by definition: what ``shingles.py`` hashes."""
    padded = f" {text} ".ljust(5)
    return frozenset(padded[at : at + 5] for at in range(len(padded) - 4))


def similarity(one: str, other: str) -> float:
    """The exact Jaccard similarity."""
    left, right = pieces(one), pieces(other)
    return len(left & right) / len(left | right)


def near_copy(text: str, least: float, generator: np.random.Generator) -> str:
    """The text with letters changed as long as the similarity stays at or above ``least``."""
    copy = text
    for _ in range(200):
        at = int(generator.integers(len(copy)))
        changed = copy[:at] + str(generator.choice(LETTERS)) + copy[at + 1 :]
        if similarity(text, changed) < least:
            if copy != text:
                break
            continue
        copy = changed
    return copy
