"""Read the form fields and annotations of PDF pages (ISO 32000-2, chapters 12.5 and 12.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
        annotations = page.get("/Annots")
        shown = [] if annotations is None else [one.get_object() for one in annotations.get_object()]
        for one in sorted((one for one in shown if _is_seen(one)), key=_place):
            kind = one.get("/Subtype")
            content = _text(one.get("/Contents"))
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
            name = _text(_inherited(widget, "/TU")) or said[0]
            yield f"{name}: {value}" if name else value


def _is_seen(annotation: Any) -> bool:
    return hasattr(annotation, "get") and not int(annotation.get("/F", 0)) & (_HIDDEN | _NO_VIEW)


def _place(annotation: Any) -> tuple[float, float]:
    """Return where an annotation stands; the top of the page has the largest ordinate."""
    corners = [float(one) for one in annotation.get("/Rect") or (0, 0, 0, 0)]
    return -max(corners[1], corners[3]), min(corners[0], corners[2])


def _value(widget: Any) -> str:
    """Return what a field shows: a text, the chosen options, or the name of a ticked state."""
    kind, flags = _inherited(widget, "/FT"), int(_inherited(widget, "/Ff") or 0)
    value = _inherited(widget, "/V")
    if kind == "/Btn":
        state = widget.get("/AS") or value
        ticked = not flags & _PUSH_BUTTON and state not in (None, "/Off")
        return _option(widget, str(state).removeprefix("/")) if ticked else ""
    if kind == "/Ch":
        chosen = value if isinstance(value, list) else [] if value is None else [value]
        return ", ".join(filter(None, (_option(widget, _text(one)) for one in chosen)))
    return "" if kind != "/Tx" or flags & _PASSWORD else _text(value)


def _option(widget: Any, value: str) -> str:
    """Return an option as the page shows it; ``/Opt`` pairs it with what a form sends."""
    options = [one.get_object() for one in _inherited(widget, "/Opt") or ()]
    for option in options:
        if isinstance(option, list) and len(option) == 2 and _text(option[0]) == value:
            return _text(option[1])
    if _inherited(widget, "/FT") == "/Btn" and value.isdecimal() and int(value) < len(options):
        return _text(options[int(value)])
    return value


def _inherited(field: Any, key: str) -> Any:
    return next((one[key].get_object() for one in _upwards(field) if key in one), None)


def _path(field: Any) -> str:
    """Return the name of a field: those of the fields around it before its own."""
    return ".".join(reversed([_text(one["/T"]) for one in _upwards(field) if "/T" in one]))


def _upwards(field: Any) -> Iterator[Any]:
    for _ in range(_DEEPEST):
        yield field
        field = field.get("/Parent")
        field = None if field is None else field.get_object()
        if not hasattr(field, "get"):
            return


def _text(value: Any) -> str:
    """Return a text string, also one that is kept as a stream; empty for anything else."""
    if hasattr(value, "get_object"):
        value = value.get_object()
    if hasattr(value, "get_data"):
        value = value.get_data()
    if isinstance(value, bytes):
        value = value.decode("utf-16" if value.startswith(b"\xfe\xff") else "utf-8", "replace")
    return value.replace("\r\n", "\n").replace("\r", "\n").strip() if isinstance(value, str) else ""
