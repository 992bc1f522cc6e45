"""Tell which paragraphs Word numbers by itself: their numbers are computed, and stand nowhere in the text."""

from __future__ import annotations

from typing import Any

from insource.dataset.sources.extract.word_marks import value_of

_NO_NUMBERS = frozenset({"bullet", "none"})
_DEEPEST = 32  # a style based on others; a deeper one is a circle


class NumberedLists:
    """The lists of a document, from the XML of its numbering and its styles (ECMA-376 part 1, 17.9)."""

    def __init__(self, numbering: Any, styles: Any) -> None:
        self._abstract = {value_of(one, "abstractNumId"): one for one in numbering.iterfind("{*}abstractNum")}
        self._lists = {
            value_of(one, "numId"): value_of(found, "val")
            for one in numbering.iterfind("{*}num")
            if (found := one.find("{*}abstractNumId")) is not None
        }
        self._styles = {value_of(one, "styleId"): one for one in styles.iterfind("{*}style")}

    def numbers(self, paragraph: Any) -> bool:
        """Return whether a paragraph begins with a number that Word computes."""
        said = paragraph.find("{*}pPr/{*}numPr")
        style = paragraph.find("{*}pPr/{*}pStyle")
        for _ in range(_DEEPEST):
            if said is not None or style is None:
                break
            about = self._styles.get(value_of(style, "val"))
            said = None if about is None else about.find("{*}pPr/{*}numPr")
            style = None if about is None else about.find("{*}basedOn")
        if said is None:
            return False
        place, chosen = said.find("{*}ilvl"), said.find("{*}numId")
        level = "0" if place is None else value_of(place, "val")
        listed = self._abstract.get(self._lists.get("" if chosen is None else value_of(chosen, "val"), ""))
        levels = () if listed is None else listed.iterfind("{*}lvl")
        formats = (one.find("{*}numFmt") for one in levels if value_of(one, "ilvl") == level)
        return any(one is not None and value_of(one, "val") not in _NO_NUMBERS for one in formats)
