"""The keys of the review page, in one place: the page's sheet, its script and the guide all follow it."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """``keys`` are KeyboardEvent.key names, ``Mod+`` for Ctrl or ⌘; ``action`` is the script's word."""

    keys: tuple[str, ...]
    action: str
    words: str


KEYS = (
    Key(("j", "ArrowDown"), "next-field", "Next field"),
    Key(("k", "ArrowUp"), "previous-field", "Previous field"),
    Key(("a",), "accept", "Accept the field as it is"),
    Key(("A",), "accept-rest", "Accept all fields not decided yet"),
    Key(tuple("123456789"), "choose", "Choose that value"),
    Key(("e",), "edit", "Edit the field; Enter keeps the text, Escape leaves it"),
    Key(("x",), "reject", "Reject: wrong, and the right value is not known; drops the row"),
    Key(("u",), "undo", "Undo the last decision; with none on the page, take the last save back"),
    Key(("Mod+Enter",), "save", "Save and go to the next row"),
    Key(("n",), "next", "Next row without saving"),
    Key(("?",), "help", "This sheet"),
)
_SHOWN = {"ArrowDown": "↓", "ArrowUp": "↑", "Mod+Enter": "Ctrl/⌘ Enter"}


def shown(key: Key) -> tuple[str, ...]:
    """The keys as people read them."""
    if key.action == "choose":
        return (f"{key.keys[0]}–{key.keys[-1]}",)
    return tuple(_SHOWN.get(one, one) for one in key.keys)
