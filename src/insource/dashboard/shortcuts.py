"""The keyboard shortcuts of the review page. The page's list of keys, its script and the guide use them."""

from __future__ import annotations

from typing import NamedTuple


class Shortcut(NamedTuple):
    """A shortcut. ``keys`` are ``KeyboardEvent.key`` names, with ``Mod+`` for Ctrl or ⌘.

    ``action`` is the name of the action in the script.
    """

    keys: tuple[str, ...]
    action: str
    words: str


KEYS = (
    Shortcut(("j", "ArrowDown"), "next-field", "Next field"),
    Shortcut(("k", "ArrowUp"), "previous-field", "Previous field"),
    Shortcut(("a",), "accept", "Accept the field as it is"),
    Shortcut(("A",), "accept-rest", "Accept all fields not decided yet"),
    Shortcut(tuple("123456789"), "choose", "Choose that value"),
    Shortcut(("e",), "edit", "Edit the field; Enter keeps the text, Escape leaves it"),
    Shortcut(("x",), "reject", "Reject: wrong, and the right value is not known; drops the row"),
    Shortcut(("u",), "undo", "Undo the last decision; with none on the page, take the last save back"),
    Shortcut(("Mod+Enter",), "save", "Save and go to the next row"),
    Shortcut(("n",), "next", "Next row without saving"),
    Shortcut(("?",), "help", "This sheet"),
)
_SHOWN = {"ArrowDown": "↓", "ArrowUp": "↑", "Mod+Enter": "Ctrl/⌘ Enter"}


def shown(key: Shortcut) -> tuple[str, ...]:
    """Return the keys as they are displayed."""
    if key.action == "choose":
        return (f"{key.keys[0]}–{key.keys[-1]}",)
    return tuple(_SHOWN.get(one, one) for one in key.keys)
