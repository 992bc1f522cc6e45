"""What a report page is made of: sections of plots, tables and examples, before any markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Spec = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A figure or words, with a smaller line below, and a badge or a mark where it needs one."""

    text: str
    detail: str = ""
    badge: str = ""
    marked: bool = False
    muted: bool = False


Row = Sequence[str | Cell]


@dataclass(frozen=True)
class Table:
    """Rows under column heads. ``folded`` tables sit in a ``<details>`` under their caption.

    The first column names the row; ``numeric`` columns (by index) are set flush right.
    """

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    numeric: tuple[int, ...] = ()
    folded: bool = False
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Key:
    """One entry of a plot's legend: a series colour (CSS variable), the glyph of its mark, its name."""

    colour: str
    glyph: str
    label: str


@dataclass(frozen=True)
class Plot:
    """A question, its answer in a sentence, the picture, and the table behind it.

    ``draw(width)`` returns the Vega-Lite specification for so many pixels.
    """

    question: str
    answer: str
    caption: str
    draw: Callable[[int], Spec]
    table: Table
    legend: tuple[Key, ...] = ()
    kind: Literal["plot"] = "plot"


@dataclass(frozen=True)
class Bullets:
    """A short list under a heading."""

    heading: str
    items: tuple[str, ...]
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True)
class Terms:
    """A list of words and what they mean, or of names and their values (``code``)."""

    heading: str
    items: tuple[tuple[str, str], ...]
    code: bool = False
    kind: Literal["terms"] = "terms"


@dataclass(frozen=True)
class Example:
    """One document: the input, and label and answers side by side."""

    title: str
    explanation: str
    document: str
    table: Table
    kind: Literal["example"] = "example"


Block = Table | Plot | Bullets | Terms | Example


@dataclass(frozen=True)
class Section:
    """One part of the report. ``lead`` paragraphs say it in words before anything is shown."""

    anchor: str
    title: str
    lead: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Banner:
    """The verdict: in a word, in a sentence, in three numbers, and what would change it."""

    outcome: str
    word: str
    sentence: str
    numbers: tuple[tuple[str, Cell], ...]
    reasons: tuple[str, ...]
    flips_if: tuple[str, ...]
    warning: str = ""
