"""Read the form fields and annotations of PDF pages (ISO 32000-2, chapters 12.5 and 12.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from insource.dataset.sources.extract.pdf_objects import entries, items, number, resolved, text

_HIDDEN, _NO_VIEW = 1 << 1, 1 << 5  # flags of an annotation
_PUSH_BUTTON, _PASSWORD = 1 << 16, 1 << 13  # flags of a field
_DEEPEST = 32  # a field within fields; deeper ones are a circle
_UNREAD = {
    "/FileAttachment": "attached files",
    "/Stamp": "stamps",
    "/Ink": "ink",
    "/Screen": "media",
    "/RichMedia": "media",
    "/Movie": "media",
    "/Sound": "media",
    "/3D": "media",
}
_NO_CONTENT = ("/Popup", "/Link", "/Widget")


class Filled:
    """What was filled in on the pages of one document. ``unread`` names the annotations that are no text."""

    def __init__(self) -> None:
        self.unread: set[str] = set()
        self._said: set[tuple[str, str]] = set()

    def lines(self, page: Any) -> Iterator[str]:
        """Yield the values of a page's fields and the texts typed onto it, from top to bottom.

        A field that shows its value in several places is there once.
        """
        shown = (entries(one) for one in items(page.get("/Annots")))
        for one in sorted(filter(_is_seen, shown), key=_place):
            kind = text(one.get("/Subtype"))
            content = text(one.get("/Contents"))
            if kind == "/Widget":
                yield from self._field(one)
            elif kind == "/FreeText":
                yield from filter(None, (content,))
            elif kind in _UNREAD:
                self.unread.add(_UNREAD[kind])
            elif content and kind not in _NO_CONTENT:
                self.unread.add("comments")

    def _field(self, widget: Any) -> Iterator[str]:
        value = _value(widget)
        if _inherited(widget, "/FT") == "/Sig":
            self.unread.update({"signatures"} if _inherited(widget, "/V") is not None else ())
        elif value and (said := (_path(widget), value)) not in self._said:
            self._said.add(said)
            name = text(_inherited(widget, "/TU")) or said[0]
            yield f"{name}: {value}" if name else value


def _is_seen(annotation: dict[str, Any]) -> bool:
    return not int(number(annotation.get("/F"))) & (_HIDDEN | _NO_VIEW)


def _place(annotation: dict[str, Any]) -> tuple[float, float]:
    """Return where an annotation stands; the top of the page has the largest ordinate."""
    corners = [number(one) for one in items(annotation.get("/Rect"))]
    left, bottom, right, top = corners if len(corners) == 4 else (0.0,) * 4
    return -max(bottom, top), min(left, right)


def _value(widget: Any) -> str:
    """Return what a field shows: a text, the chosen options, or the name of a ticked state."""
    kind, flags = _inherited(widget, "/FT"), int(number(_inherited(widget, "/Ff")))
    value = _inherited(widget, "/V")
    if kind == "/Btn":
        state = text(widget.get("/AS")) or text(value)
        ticked = not flags & _PUSH_BUTTON and state not in ("", "/Off")
        return _option(widget, state.removeprefix("/")) if ticked else ""
    if kind == "/Ch":
        chosen = items(value) or [value]
        return ", ".join(filter(None, (_option(widget, text(one)) for one in chosen)))
    return "" if kind != "/Tx" or flags & _PASSWORD else text(value)


def _option(widget: Any, value: str) -> str:
    """Return an option as the page shows it; ``/Opt`` pairs it with what a form sends."""
    options = items(_inherited(widget, "/Opt"))
    for option in options:
        if isinstance(option, list) and len(option) == 2 and text(option[0]) == value:
            return text(option[1])
    if _inherited(widget, "/FT") == "/Btn" and value.isdecimal() and int(value) < len(options):
        return text(options[int(value)])
    return value


def _inherited(field: Any, key: str) -> Any:
    return next((resolved(one[key]) for one in _upwards(field) if key in one), None)


def _path(field: Any) -> str:
    """Return the name of a field: those of the fields around it before its own."""
    return ".".join(reversed([text(one["/T"]) for one in _upwards(field) if "/T" in one]))


def _upwards(field: Any) -> Iterator[Any]:
    for _ in range(_DEEPEST):
        yield field
        field = entries(field.get("/Parent"))
        if not field:
            return
