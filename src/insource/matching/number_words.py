"""Numbers written as words, in English and the small ones of German, French and Spanish."""

from __future__ import annotations

import re

# German null and Spanish once are left out: what is not there, and one time.
NUMBERS = {
    word: str(number)
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
        " sixteen seventeen eighteen nineteen",
        "0 eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
        "cero uno dos tres cuatro cinco seis siete ocho nueve diez 11 doce",
    )
    for number, word in enumerate(words.split())
} | {"single": "1", "ein": "1", "eine": "1", "une": "1", "una": "1"}
"""Number words and the figures for them."""

TENS = {
    word: 10 * number
    for number, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
"""Words for tens, which a word for a unit may follow."""

_UNITS = "|".join(word for word, said in NUMBERS.items() if word.isalpha() and 0 < int(said) < 10)
_WORDS = "|".join(word for word in NUMBERS if word.isalpha())
_NUMBER_WORD = re.compile(
    rf"(?<![^\W_])(?:(?P<tens>{'|'.join(TENS)})(?:[- ](?P<unit>{_UNITS}))?|(?P<word>{_WORDS}))(?![^\W\d_])",
    re.IGNORECASE,
)


def in_figures(text: str) -> str:
    """Return a text with figures for number words: ``thirty-two inputs`` is ``32 inputs``.

    Examples:
        >>> in_figures("Twelve relays, three-phase, twenty four months")
        '12 relays, 3-phase, 24 months'
    """
    return _NUMBER_WORD.sub(_figures, text)


def _figures(match: re.Match[str]) -> str:
    if match["word"]:
        return NUMBERS[match["word"].casefold()]
    unit = match["unit"]
    return str(TENS[match["tens"].casefold()] + (int(NUMBERS[unit.casefold()]) if unit else 0))
