"""What scanning and copying do to a page, light enough that every fact stays readable.

Characters are confused only in the labels of distractors; elsewhere noise is white space, line
breaks and specks.
"""

from __future__ import annotations

import numpy as np

from insource.demo.chance import happens, pick

CONFUSIONS = {"o": "0", "l": "1", "i": "l", "e": "c", "m": "rn", "t": "f", "a": "o"}
SPECKS = (" '", " .", " ,", " ·", " `")  # no tilde: after a 3 it would read as three phases


def smudge(rng: np.random.Generator, label: str) -> str:
    """One letter of a distractor's label read wrongly."""
    places = [i for i, character in enumerate(label) if i and character in CONFUSIONS]
    if not places:
        return label
    place = pick(rng, places)
    return label[:place] + CONFUSIONS[label[place]] + label[place + 1 :]


def scan(rng: np.random.Generator, text: str) -> str:
    """Doubled spaces, specks at line ends, a line broken in long text, a folio at the foot."""
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
