"""Name tasks by the distinctive words of their prompts."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

from insource.logs.discovery.templates import Template

WORDS = 3
_PLAIN = re.compile(r"[a-z][a-z0-9]{2,20}")
_SAY_LITTLE = (
    "the and for you are with that this from your not one any all its has have was were can will may must "
    "please following below above answer return reply write give say text json user assistant only should "
    "than then into out who what when where which does use using they them their every each both most "
    "der die das und ein eine aus dem den von mit les des une pour dans est"
)
_EMPTY = frozenset(_SAY_LITTLE.split())


def name(groups: Sequence[Sequence[Template]], taken: Collection[str] = ()) -> list[str]:
    """Return a distinct name per group: its most distinctive words, in the order of the prompt.

    A word is distinctive if it is frequent in the group and occurs in few other groups (tf-idf). Names are
    slugs of ASCII letters, digits and hyphens; without such words, ``task-`` and the fingerprint.
    """
    words = [[_ascii(word) for word in group[0].words] for group in groups]
    spread = Counter(word for said in words for word in set(said))
    used = set(taken)
    names = []
    for group, said in zip(groups, words, strict=True):
        counts = Counter(word for word in said if _PLAIN.fullmatch(word) and word not in _EMPTY)
        weight = {word: n * math.log((1 + len(groups)) / spread[word]) for word, n in counts.items()}
        first = {word: said.index(word) for word in counts}
        best = sorted(counts, key=lambda word: (-weight[word], first[word]))[:WORDS]
        slug = "-".join(sorted(best, key=first.__getitem__)) or f"task-{group[0].fingerprint[:6]}"
        if slug in used:
            slug = f"{slug}-{group[0].fingerprint[:6]}"
        used.add(slug)
        names.append(slug)
    return names


def _ascii(word: str) -> str:
    """Fold to ASCII: ``straße`` to ``strasse``, ``café`` to ``cafe``; other scripts are dropped."""
    folded = unicodedata.normalize("NFKD", word.casefold())
    return folded.encode("ascii", "ignore").decode()
