"""Read single elements of WordprocessingML: switches, symbols and legacy form fields."""

from __future__ import annotations

from typing import Any

_OFF = frozenset({"0", "false", "off", "none"})
_TICKED, _EMPTY = "☒", "☐"
_PRIVATE = 0xF000  # fonts of pictures have their glyphs from here on
# Glyphs of Wingdings that forms are filled in with.
_WINGDINGS = {
    0x6F: _EMPTY,
    0xA8: _EMPTY,
    0xFB: "✗",
    0xFC: "✓",
    0xFD: _TICKED,
    0xFE: "☑",
    0xE0: "→",
    0xA7: "▪",
}


def value_of(element: Any, attribute: str) -> str:
    """Return an attribute by its name without the namespace; empty when it is absent."""
    return next(
        (str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == attribute), ""
    )


def is_on(switch: Any) -> bool:
    """Return whether a toggle such as ``w:titlePg`` is set (ECMA-376, ``CT_OnOff``)."""
    return value_of(switch, "val").lower() not in _OFF


def is_hidden(run: Any) -> bool:
    """Return whether a run is formatted as hidden; a hidden style is not looked up."""
    return any(map(is_on, run.iterfind("{*}rPr/{*}vanish")))


def symbol(element: Any) -> str:
    """Return the character of a ``w:sym``; empty when its font alone says what it looks like."""
    try:
        code = int(value_of(element, "char"), 16)
    except ValueError:
        return ""
    if code < _PRIVATE:
        return chr(code)
    return _WINGDINGS.get(code - _PRIVATE, "") if value_of(element, "font") == "Wingdings" else ""


def form_field(mark: Any) -> str:
    """Return what a legacy check box or drop-down list shows; a text field has its value as its result."""
    for box in mark.iterfind("{*}ffData/{*}checkBox"):
        states = {child.tag.rpartition("}")[2]: is_on(child) for child in box}
        return _TICKED if states.get("checked", states.get("default", False)) else _EMPTY
    for choices in mark.iterfind("{*}ffData/{*}ddList"):
        entries = [value_of(entry, "val") for entry in choices.iterfind("{*}listEntry")]
        chosen = next(
            (child for name in ("result", "default") for child in choices.iterfind(f"{{*}}{name}")), None
        )
        place = 0 if chosen is None else int(value_of(chosen, "val") or 0)
        return entries[place] if 0 <= place < len(entries) else ""
    return ""
