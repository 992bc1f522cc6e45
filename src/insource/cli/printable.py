"""Text of others for a terminal: nothing in it may steer the terminal, or show other than what it is.

Control characters (ECMA-48: C0, C1, DEL) can move the cursor and rename the window; bidirectional controls
(UAX 9) and invisible characters make one text look like another. They are shown as the escapes they are.
"""

from __future__ import annotations

import re
from textwrap import wrap

WIDTH = 80

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """The text with lines and tabs as they are and every other control as an escape, ``\\x1b``."""
    return _UNSAFE.sub(_escape, text)


def one_line(text: str, width: int) -> str:
    """The text's beginning on one line, at most ``width`` characters wide."""
    flat = printable(" ".join(text[: 8 * width].split()))
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def paragraph(text: str, *, indent: int = 0, lines: int = 6) -> str:
    """The text wrapped to 80 columns, cut behind so many lines."""
    margin = " " * indent
    width = WIDTH - indent
    wrapped = wrap(
        one_line(text, lines * width),
        WIDTH,
        initial_indent=margin,
        subsequent_indent=margin,
        break_on_hyphens=False,
    )
    return "\n".join(wrapped[:lines])


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
