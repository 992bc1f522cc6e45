"""The parts of a report page as values: sections of plots, tables and examples, without markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Spec = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: a text, a smaller line below it, and optionally a badge or a mark.

    ``link`` is the anchor of a section, ``#options``; without such a section on the page it is no link.
    """

    text: str
    detail: str = ""
    badge: str = ""
    marked: bool = False
    muted: bool = False
    link: str = ""


Row = Sequence[str | Cell]


@dataclass(frozen=True)
class Table:
    """Rows under column heads. A ``folded`` table is a ``<details>`` element under its caption.

    The first column names the row. ``numeric`` has the indices of the right-aligned columns. ``notes`` are
    named texts below each row, as wide as the table. A narrow page shows the rows of ``cards`` as cards.
    """

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    numeric: tuple[int, ...] = ()
    folded: bool = False
    notes: Sequence[Sequence[tuple[str, str]]] = ()
    cards: bool = False
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class LegendKey:
    """One entry of a legend: the colour of a series (CSS variable), the glyph of its mark, its name."""

    colour: str
    glyph: str
    label: str


@dataclass(frozen=True)
class Plot:
    """A question, its answer in a sentence, a plot, and the table with its data.

    ``draw(width)`` returns the Vega-Lite specification for a width in pixels.
    """

    question: str
    answer: str
    caption: str
    draw: Callable[[int], Spec]
    table: Table
    legend: tuple[LegendKey, ...] = ()
    kind: Literal["plot"] = "plot"


@dataclass(frozen=True)
class Bullets:
    """A list under a heading."""

    heading: str
    items: tuple[str, ...]
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True)
class Terms:
    """A list of terms and their meanings, or of names and their values (``code``)."""

    heading: str
    items: tuple[tuple[str, str], ...]
    code: bool = False
    kind: Literal["terms"] = "terms"


@dataclass(frozen=True)
class ShownExample:
    """One document: its input, and the label and the answers side by side."""

    title: str
    explanation: str
    document: str
    table: Table
    kind: Literal["example"] = "example"


@dataclass(frozen=True)
class Folded:
    """Blocks that a reader opens, under one line."""

    summary: str
    blocks: tuple[Table | Bullets | Terms, ...]
    kind: Literal["folded"] = "folded"


Block = Table | Plot | Bullets | Terms | ShownExample | Folded


@dataclass(frozen=True)
class Section:
    """One section of the report. The ``lead`` paragraphs come before the blocks."""

    anchor: str
    title: str
    lead: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Banner:
    """The verdict: a word, a sentence, three numbers, reasons, and what would change it.

    ``basis`` says what it rests on.
    """

    outcome: str
    word: str
    sentence: str
    numbers: tuple[tuple[str, Cell], ...]
    reasons: tuple[str, ...]
    flips_if: tuple[str, ...]
    warning: str = ""
    basis: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole page. ``made`` says when and as what it was made, ``source`` from what."""

    kicker: str
    title: str
    made: str
    version: str
    source: str
    banner: Banner
    sections: tuple[Section, ...]
