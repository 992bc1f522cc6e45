"""Read numbers from JSON and from the spellings in which people write them, exactly.

A spelling, after full-width forms, spaces, apostrophes and minus signs are folded::

    number   = [sign] [currency] [sign] amount [currency | "%" | "‰"] [trailing minus] | "(" number ")"
    amount   = digits [exponent] | "10^" integer
    digits   = (whole | grouped) [mark digits] | mark digits        mark = "." | ","
    grouped  = groups of three after one of: space, apostrophe, point, comma | Indian groups after commas
    exponent = ("e" | "E") integer | "x 10^" integer                x = "x" | "×" | "*" | "·"

A group of thousands never begins with zero, and one number has one kind of separator between its groups,
which is not its decimal mark. So a spelling is ambiguous only where one to three digits, the first not
zero, stand before a lone point or comma and exactly three behind it. There the point is decimal and the
comma groups (``1.234`` is 1.234 and ``1,234`` is 1234), unless the field's decimal mark is the comma: then
it is the other way round. Everything else reads the same whatever the field's mark is.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from insource.matching.normal_forms import fold_characters

DecimalMark = Literal[".", ","]

MAX_LENGTH = 128
"""Longer texts are no numbers, unless they are digits only."""

_PLAIN = re.compile(r"-?[0-9]{1,4000}")
_CURRENCY = r"[^\W\d_]{0,3}[$€£¥₹₽₩₪₫₺₴₦฿₱₡₲₵₸₮₼₾]|[^\W\d_]{2,4}\.?"
_NUMBER = re.compile(
    rf"""(?P<sign>[+-]\s?)?(?:(?P<before>{_CURRENCY})\s?)?(?P<second>[+-]\s?)?(?P<open>\(\s?)?
    (?:(?P<power>10\^[+-]?[0-9]{{1,3}})
      |(?P<digits>[0-9][0-9.,'\ ]*|[.,][0-9]+)(?P<dash>(?<=[.,])--?)?
       (?:[eE](?P<exponent>[+-]?[0-9]{{1,3}})|\s?[x×*·⋅]\s?10\^(?P<tens>[+-]?[0-9]{{1,3}}))?)
    (?P<close>\s?\))?(?:(?<!\ )(?P<minus>-))?(?:\s?(?P<after>{_CURRENCY}|[%‰]))?(?P<last>\s?-)?""",
    re.VERBOSE,
)
_RUN = re.compile(r"[0-9][0-9.,' ]*[0-9]|[.,][0-9]+")
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}([.,' ])[0-9]{3}(?:\1[0-9]{3})*|[1-9][0-9]?(?:,[0-9]{2})*,[0-9]{3}")
_SHIFT = {"%": -2, "‰": -3}

_ISO_4217 = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD
CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ
GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP
LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB
TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW
ZWG
"""
_CODES = frozenset(_ISO_4217.split())
_SIGNS = {
    "$": "USD AUD CAD HKD MXN NZD SGD TWD ARS CLP COP", "US$": "USD", "A$": "AUD", "AU$": "AUD",
    "C$": "CAD", "CA$": "CAD", "HK$": "HKD", "NZ$": "NZD", "S$": "SGD", "NT$": "TWD", "MX$": "MXN",
    "R$": "BRL", "€": "EUR", "£": "GBP", "¥": "JPY CNY", "₹": "INR", "Rs": "INR PKR LKR NPR MUR",
    "₽": "RUB", "₩": "KRW", "₪": "ILS", "₫": "VND", "₺": "TRY", "₴": "UAH", "₦": "NGN", "฿": "THB",
    "₱": "PHP", "₡": "CRC", "₲": "PYG", "₵": "GHS", "₸": "KZT", "₮": "MNT", "₼": "AZN", "₾": "GEL",
    "kr": "SEK NOK DKK ISK", "Kr": "SEK NOK DKK ISK", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "Fr": "CHF",
    "SFr": "CHF", "lei": "RON",
}  # fmt: skip


class Number(NamedTuple):
    """An exact number; ``currency`` lists the codes that its sign may stand for, empty without one."""

    value: Decimal
    currency: str = ""

    def same_currency(self, other: Number) -> bool:
        """Return whether both may be in one currency; a number without one is in any."""
        one, two = self.currency, other.currency
        return not one or not two or one == two or not set(one.split()).isdisjoint(two.split())


def read_number(value: Any, decimal: DecimalMark | None = None) -> Number | None:
    """Return the number that a JSON value is or spells, None when it is none.

    A JSON number with a fraction counts as its shortest decimal spelling, so that 0.1 is the same as ``0.1``.
    ``decimal`` is the field's decimal mark, which settles what is ambiguous.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Number(Decimal(value))
    if isinstance(value, float):
        return Number(Decimal(repr(value))) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    if _PLAIN.fullmatch(value):
        return Number(Decimal(value))
    return _read(value, decimal) if len(value) <= MAX_LENGTH else None


def parse_number(value: Any, decimal: DecimalMark | None = None) -> Decimal | None:
    """Return the value of ``read_number``, whatever its currency."""
    number = read_number(value, decimal)
    return None if number is None else number.value


@lru_cache(maxsize=1 << 14)
def _read(value: str, decimal: DecimalMark | None) -> Number | None:
    match = _NUMBER.fullmatch(fold_characters(value).strip())
    if match is None:
        return _in_brackets(value, decimal)
    signs = [sign.strip() for sign in match.group("sign", "second", "minus", "last") if sign]
    opened = match["open"] is not None
    if len(signs) + opened > 1 or opened != (match["close"] is not None):
        return None
    if (unit := match["before"]) and match["after"]:
        return None
    unit = unit or match["after"] or ""
    currency = "" if unit in _SHIFT else _currency(unit)
    plain = "1" if match["power"] else _plain(match["digits"].rstrip(), decimal, bool(match["dash"]))
    if currency is None or plain is None:
        return None
    power = match["power"][3:] if match["power"] else match["exponent"] or match["tens"] or 0
    sign = "-" if opened or "-" in signs else ""
    return Number(Decimal(f"{sign}{plain}e{int(power) + _SHIFT.get(unit, 0)}"), currency)


def _in_brackets(value: str, decimal: DecimalMark | None) -> Number | None:
    """Read what accountants write in brackets: ``($1,234.50)`` is -1234.5."""
    text = value.strip()
    if not (text.startswith("(") and text.endswith(")")) or text[1:2] == "(":
        return None
    inner = _read(text[1:-1], decimal)
    if inner is None or inner.value.is_signed() or "+" in text:
        return None
    return Number(inner.value.copy_negate(), inner.currency)


def _currency(sign: str) -> str | None:
    """Return the codes that a sign or code stands for, None when it is none."""
    return "" if not sign else sign if sign in _CODES else _SIGNS.get(sign.rstrip("."))


def _plain(digits: str, decimal: DecimalMark | None, dash: bool = False) -> str | None:
    """Return the digits with at most one point; a dash in place of cents (``5,-``) stands for none."""
    if dash or digits.endswith((".", ",")):
        digits = digits[:-1]
    whole, fraction = (digits, "") if dash else _parts(digits, decimal)
    if not (whole.isdigit() or (not whole and fraction)):
        if not _GROUPED.fullmatch(whole):
            return None
        whole = re.sub(r"[.,' ]", "", whole)
    return f"{whole or '0'}.{fraction or '0'}" if not fraction or fraction.isdigit() else None


def _parts(digits: str, decimal: DecimalMark | None) -> tuple[str, str]:
    """Return the digits before and behind the decimal mark."""
    if not (mark := _mark(digits, decimal)):
        return digits, ""
    whole, _, fraction = digits.rpartition(mark)
    return whole, fraction


def _mark(digits: str, decimal: DecimalMark | None) -> str:
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return "." if digits.rfind(".") > digits.rfind(",") else ","
    if points + commas != 1:
        return ""
    mark = "." if points else ","
    return "" if _AMBIGUOUS.fullmatch(digits) and mark != (decimal or ".") else mark


def decimal_marks(text: str) -> set[DecimalMark]:
    """Return which decimal marks the numbers in a text show: ``1.234,5`` and ``1.234.567`` show the comma.

    An ambiguous number shows none.
    """
    shown: set[DecimalMark] = set()
    for match in _RUN.finditer(fold_characters(text)):
        digits = match[0]
        if _AMBIGUOUS.fullmatch(digits) or _plain(digits, None) is None:
            continue
        if "." in digits or "," in digits:
            comma = _mark(digits, None) == "," or digits.count(".") > 1
            shown.add("," if comma else ".")
    return shown


def is_ambiguous(text: str) -> bool:
    """Return whether a number in the text reads as thousands or as decimals, by the field's decimal mark."""
    return any(_AMBIGUOUS.fullmatch(match[0]) for match in _RUN.finditer(fold_characters(text)))
