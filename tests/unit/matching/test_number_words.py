"""Numbers written as words."""

import pytest

from insource.matching.number_words import in_figures


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("three-phase", "3-phase"),
        ("Twenty-Four relays", "24 relays"),
        ("twenty four", "24"),
        ("ninety", "90"),
        ("nineteen", "19"),
        ("sechs, sept, ocho", "6, 7, 8"),
        ("single phase", "1 phase"),
        ("someone, tension, weight, often, ninetyfold", "someone, tension, weight, often, ninetyfold"),
        ("twenty-zero", "20-0"),
        ("", ""),
    ],
)
def test_words_become_figures_and_other_words_stay(text, figures):
    assert in_figures(text) == figures
