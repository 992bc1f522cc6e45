"""Scan noise that leaves every fact readable.

Only the labels of distractors get confused characters. Elsewhere, noise is white space, line breaks and
specks.
"""

from __future__ import annotations

import numpy as np

from insource.demo.chance import happens, pick

CONFUSIONS = {"o": "0", "l": "1", "i": "l", "e": "c", "m": "rn", "t": "f", "a": "o"}
SPECKS = (" '", " .", " ,", " ·", " `")  # no tilde: "3~" means three-phase


def smudge(rng: np.random.Generator, label: str) -> str:
    """Replace one letter of a distractor's label by one that scanners confuse with it."""
    places = [i for i, character in enumerate(label) if i and character in CONFUSIONS]
    if not places:
        return label
    place = pick(rng, places)
    return label[:place] + CONFUSIONS[label[place]] + label[place + 1 :]


def scan(rng: np.random.Generator, text: str) -> str:
    """Add double spaces, specks at line ends, a line break in a long text, and a page number."""
    words = text.split(" ")
    gaps = [" "] * (len(words) - 1)
    for _ in range(int(rng.integers(1, 4))):
        if gaps:
            gaps[int(rng.integers(len(gaps)))] = "  "
    if "\n" not in text and len(gaps) > 12:
        gaps[int(rng.integers(6, len(gaps) - 3))] = "\n"
    text = words[0] + "".join(gap + word for gap, word in zip(gaps, words[1:], strict=True))
    lines = text.split("\n")
    for place in range(1, len(lines)):
        if happens(rng, 0.08):
            lines[place] += pick(rng, SPECKS)
    if happens(rng, 0.25):
        lines.append(pick(rng, ("- {} -", "Page {}", "p. {}/8")).format(rng.integers(1, 9)))
    return "\n".join(lines)
