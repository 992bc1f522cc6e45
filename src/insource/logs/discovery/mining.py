"""Mine templates from a set of prompts: text shared by many prompts is fixed, the rest becomes slots.

Drain (He et al., ICWS 2017) mines log templates from lines of equal length, token by token. A prompt contains
a document of any length, so positions do not align, and MinHash of whole prompts compares documents instead
of instructions. Here, words are compared by the number of prompts that share them: the word triples of an
instruction occur in all calls of its task, those of a document in few. Triples that occur in exactly the same
prompts form one *part*. The set is split by the largest part that reaches the beginning or end of a message,
until no part divides what is left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from insource.logs.discovery.prompts import WORD, Frame, Prompt
from insource.logs.discovery.templates import Template
from insource.providers.requests import MARK

GRAM = 3
MIN_SUPPORT = 6
"""A template needs at least this many prompts."""
FIXED_SHARE = 0.95
"""A word triple is fixed when this share of the group has it."""
INNER_SHARE = 0.25
"""A part inside a message may divide a group when this share of the group has it. A rarer part is an
optional sentence or a sender's boilerplate, and becomes part of a slot."""
MIN_PART = 3
"""The triples that a part needs to divide a group: five consecutive words."""
MIN_WORDS = 4
"""The fewest fixed words and signs of a template."""

_SAMPLE = 50
_MAX_PARTS = 6000
_TOKEN = re.compile(rf"{MARK}\w|{WORD.pattern}|[^\w\s]")
_DIGIT = re.compile(r"\d")
_CLOSING = ".,;:!?…。 "  # may belong to the slot before it, and be missing in other documents
# A letter that is not a role mark; a lone sign would match anywhere
_TELLING = re.compile(rf"(?<!{MARK})[^\W\d_]")
Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Pile:
    """Prompts of one frame. ``parts[i, j]`` says whether prompt i has part j."""

    texts: Sequence[str]
    same: NDArray[np.int64]  # prompts with equal numbers differ in digits only
    parts: NDArray[np.bool_]
    weight: NDArray[np.int64]  # word triples in the part
    edge: NDArray[np.bool_]  # the part reaches the beginning or the end of a message


def mine(prompts: Sequence[Prompt], min_support: int = MIN_SUPPORT) -> list[Template]:
    """Return the templates that at least ``min_support`` of these prompts are made from."""
    by_frame: dict[Frame, list[str]] = {}
    for prompt in prompts:
        by_frame.setdefault(prompt.frame, []).append(prompt.text)
    found: dict[str, Template] = {}
    for frame, texts in by_frame.items():
        if len(texts) >= min_support:
            for segments in _mine_texts(texts, min_support):
                template = Template(segments=segments, schema_keys=frame.schema, tools=frame.tools)
                found[template.fingerprint] = template
    return list(found.values())


def _mine_texts(texts: Sequence[str], min_support: int) -> list[tuple[str, ...]]:
    pile = _pile(texts, min_support)
    found = []
    waiting = [(np.arange(len(texts)), np.ones(pile.parts.shape[1], np.bool_))]
    while waiting:
        group, usable = waiting.pop()
        chosen = _best_part(pile, group, usable, min_support)
        if chosen is not None:
            inside = pile.parts[group, chosen]
            usable = usable.copy()
            usable[chosen] = False
            waiting += [(group[inside], usable), (group[~inside], usable)]
        elif len(group) >= min_support:
            segments = _segments([texts[index] for index in _spread(group)])
            if segments:
                found.append(segments)
    return found


def _best_part(pile: _Pile, group: Indices, usable: NDArray[np.bool_], min_support: int) -> int | None:
    """Return the part that divides this group best; None when the group is one template or too small."""
    if len(group) < 2 * min_support and not _mixed(pile, group):
        return None
    inside = pile.parts[group]
    support = inside.sum(axis=0)
    shared = support >= FIXED_SHARE * len(group)
    has_core = bool((shared & pile.edge).any())
    least = np.where(pile.edge, min_support, max(min_support, INNER_SHARE * len(group)))
    divides = usable & ~shared & (support >= least) & (pile.weight >= MIN_PART)
    score = np.where(divides, support * np.minimum(pile.weight, 20), 0)
    while (best := int(score.argmax()) if len(score) else -1) >= 0 and score[best] > 0:
        rows = group[inside[:, best]]
        # A part that comes from one repeated document belongs in the slot and does not divide the group.
        if not has_core or len(np.unique(pile.same[rows])) >= max(3, len(rows) // 20):
            return best
        score[best] = 0
    return None


def _mixed(pile: _Pile, group: Indices) -> bool:
    return len(group) > 0 and not bool(pile.parts[group].all(axis=0).any())


def _spread(group: Indices) -> Indices:
    """Return up to ``_SAMPLE`` members, evenly spread over the group."""
    if len(group) <= _SAMPLE:
        return group
    return group[np.linspace(0, len(group) - 1, _SAMPLE).astype(np.int64)]


def _pile(texts: Sequence[str], min_support: int) -> _Pile:
    """Find the parts: word triples grouped by the exact set of prompts that contain them."""
    words: dict[str, int] = {}
    rows = [
        np.array([words.setdefault(_masked(token), len(words)) for token in _TOKEN.findall(text)], np.int64)
        for text in texts
    ]
    marks = {number for word, number in words.items() if word.startswith(MARK)}
    repeated: dict[bytes, int] = {}
    same = np.array([repeated.setdefault(row.tobytes(), len(repeated)) for row in rows], np.int64)
    size = len(words) + 1
    coded = [(row[:-2] * size + row[1:-1]) * size + row[2:] for row in rows]
    owner = np.repeat(np.arange(len(rows)), [len(row) for row in coded])
    codes, gram = np.unique(np.concatenate(coded), return_inverse=True)
    pairs = np.unique(gram * np.int64(len(rows)) + owner)
    gram_of, row_of = np.divmod(pairs, len(rows))
    counts = np.bincount(gram_of, minlength=len(codes))
    starts = np.concatenate([[0], np.cumsum(counts)])
    parts: dict[bytes, list[int]] = {}
    for index in np.flatnonzero(counts >= min_support):
        parts.setdefault(row_of[starts[index] : starts[index + 1]].tobytes(), []).append(int(index))
    kept = sorted(parts.items(), key=lambda item: (-len(item[0]) * min(len(item[1]), 20), item[1][0]))
    kept = [item for item in kept if len(item[1]) >= MIN_PART][:_MAX_PARTS]
    table = np.zeros((len(texts), len(kept)), np.bool_)
    for column, (members, _) in enumerate(kept):
        table[np.frombuffer(members, np.int64), column] = True
    edges = [any(_is_edge(int(codes[one]), size, marks) for one in grams) for _, grams in kept]
    weight = np.array([len(grams) for _, grams in kept], np.int64)
    return _Pile(texts, same, table, weight, np.array(edges, np.bool_))


def _masked(token: str) -> str:
    return "0" if _DIGIT.search(token) else token


def _is_edge(code: int, size: int, marks: set[int]) -> bool:
    rest, third = divmod(code, size)
    first, second = divmod(rest, size)
    return bool({first, second, third} & marks)


def _segments(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the literal text pieces that these prompts share, in order; empty when they are too few."""
    model = min(texts, key=len)
    spans = [(match.start(), match.end()) for match in _TOKEN.finditer(model)]
    tokens = [_masked(model[start:end]) for start, end in spans]
    others = [_triples([_masked(token) for token in _TOKEN.findall(text)]) for text in texts]
    least = FIXED_SHARE * len(texts)
    fixed = [token.startswith(MARK) for token in tokens]
    for at in range(len(tokens) - GRAM + 1):
        triple = tuple(tokens[at : at + GRAM])
        if sum(triple in other for other in others) >= least:
            fixed[at : at + GRAM] = [True] * GRAM
    kept: list[str] = []
    places = [0] * len(texts)
    for first, last in _runs(fixed):
        for start, end in _constant(model, spans, tokens, first, last, texts):
            piece = model[start:end].lstrip(_CLOSING)
            if not _TELLING.search(piece):
                continue
            after = [_after(text, piece, place) for text, place in zip(texts, places, strict=True)]
            if sum(place >= 0 for place in after) >= least:
                kept.append(piece)
                places = [new if new >= 0 else old for new, old in zip(after, places, strict=True)]
    signs = [token for piece in kept for token in _TOKEN.findall(piece) if not token.startswith(MARK)]
    return tuple(kept) if len(signs) >= MIN_WORDS else ()


def _triples(tokens: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(tokens, tokens[1:], tokens[2:], strict=False))


def _after(text: str, piece: str, place: int) -> int:
    found = text.find(piece, place)
    return found + len(piece) if found >= 0 and place >= 0 else -1


def _runs(fixed: Sequence[bool]) -> list[tuple[int, int]]:
    """Return (first, last) of each run of true values."""
    runs, start = [], None
    for at, flag in enumerate((*fixed, False)):
        if flag and start is None:
            start = at
        elif not flag and start is not None:
            runs.append((start, at - 1))
            start = None
    return runs


def _constant(
    model: str,
    spans: Sequence[tuple[int, int]],
    tokens: Sequence[str],
    first: int,
    last: int,
    texts: Sequence[str],
) -> list[tuple[int, int]]:
    """Return where a run is literally the same in all prompts, split at digits that vary."""
    least = FIXED_SHARE * len(texts)

    def stays(start: int, end: int) -> bool:
        piece = model[spans[start][0] : spans[end][1]]
        return sum(piece in text for text in texts) >= least

    if stays(first, last):
        return [(spans[first][0], spans[last][1])]
    pieces, start = [], first
    for at in range(first, last + 2):
        # A number is tested with the word beside it, because "3" alone could match anywhere.
        varies = at <= last and tokens[at] == "0" and not stays(max(first, at - 1), max(first + 1, at))
        if at == last + 1 or varies:
            if at > start:
                pieces.append((spans[start][0], spans[at - 1][1]))
            start = at + 1
    return pieces
