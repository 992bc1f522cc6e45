"""Escape control characters in untrusted text before it reaches a terminal.

Control characters (ECMA-48: C0, C1, DEL) can move the cursor and rename the window. Bidirectional controls
(UAX 9) and invisible characters can make one text look like another. All are printed as escapes.
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
    """Return the text with every control except newline and tab as an escape such as ``\\x1b``."""
    return _UNSAFE.sub(_escape, text)


def one_line(text: str, width: int) -> str:
    """Return the start of the text on one line of at most ``width`` characters."""
    flat = printable(" ".join(text[: 8 * width].split()))
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


def paragraph(text: str, *, indent: int = 0, lines: int = 6) -> str:
    """Return the text wrapped to 80 columns and cut after ``lines`` lines."""
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
