"""Text of others on a terminal: shown, never obeyed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.cli.printable import one_line, printable

BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", "\\x1b[2J\\x1b]0;owned\\x07"),
        ("one\r\ntwo\tthree", "one\\x0d\ntwo\tthree"),
        ("\x9b31m, \x85", "\\x9b31m, \\x85"),
        ("user\u202eadmin\u2066", "user\\u202eadmin\\u2066"),
        ("hidden\U000e0041", "hidden\\U000e0041"),
        ("in\u200bvisible\ufeff", "in\\u200bvisible\\ufeff"),
        ("torn \ud800", "torn \\ud800"),
        ("<script>alert(1)</script> ü 日本 👩🔬", "<script>alert(1)</script> ü 日本 👩🔬"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(hostile, shown):
    assert printable(hostile) == shown


@given(st.text(alphabet=st.characters(), max_size=40))
def test_nothing_that_steers_a_terminal_gets_through(text):
    shown = printable(text)
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not {unicodedata.bidirectional(c) for c in shown} & BIDI_CONTROLS
    shown.encode()


@given(st.text(alphabet="ab \n\t\x1b\u202eü", max_size=60), st.integers(1, 30))
def test_one_line_is_one_line_and_no_wider(text, width):
    shown = one_line(text, width)
    assert len(shown) <= width
    assert not set(shown) & set("\n\t\x1b\u202e")
