"""A number, date or quantity is read back from every spelling, exactly; nothing in a text raises."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.matching.comparators import Comparator
from insource.matching.dates import parse_date
from insource.matching.grounding import grounding_tier
from insource.matching.numbers import decimal_marks, is_ambiguous, parse_number, read_number
from insource.matching.quantities import parse_quantity
from insource.matching.units import read_unit

NUMBER, INTEGER, QUANTITY, DATE = (Comparator(kind) for kind in ("number", "integer", "quantity", "date"))
SPACES = [" ", "\u00a0", "\u2009", "\u202f", "\u2007"]
APOSTROPHES = ["'", "’", "ʼ", "＇"]
LOCALES = [
    (mark, group) for mark, other in ((".", ","), (",", ".")) for group in (other, "", *SPACES, *APOSTROPHES)
]
MINUSES = ["-", "−", "–", "－"]
CURRENCIES = ["€", "$", "US$", "£", "¥", "kr", "Fr.", "zł", "₹", "EUR", "CHF", "USD", "＄"]

decimals = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**20), st.integers(0, 6)
)


def grouped(whole: str, separator: str, *, indian: bool = False) -> str:
    """12345678 as 12 345 678, or as 1 23 45 678."""
    if not separator or len(whole) <= 3:
        return whole
    size, rest, groups = 2 if indian else 3, whole[:-3], [whole[-3:]]
    while rest:
        rest, group = rest[:-size], rest[-size:]
        groups.insert(0, group)
    return separator.join(groups)


def spelled(number: Decimal, mark: str, separator: str, *, indian: bool = False) -> str:
    whole, _, fraction = f"{number:f}".partition(".")
    return grouped(whole, separator, indian=indian) + (mark + fraction if fraction else "")


@given(decimals, st.sampled_from(LOCALES))
def test_a_number_is_read_back_from_the_spelling_of_its_locale(number, locale):
    mark, separator = locale
    text = spelled(number, mark, separator)
    assert parse_number(text, mark) == number
    if not is_ambiguous(text):
        assert parse_number(text) == number
        assert decimal_marks(text) <= {mark}


@given(decimals)
def test_indian_groups_are_read(number):
    assert parse_number(spelled(number, ".", ",", indian=True), ".") == number


@given(
    decimals,
    st.sampled_from(LOCALES),
    st.sampled_from(MINUSES),
    st.sampled_from(CURRENCIES),
    st.integers(0, 8),
)
def test_signs_and_currencies_stand_before_or_behind(number, locale, minus, currency, form):
    mark, separator = locale
    text = spelled(number, mark, separator)
    spellings = [
        f"{minus}{text}", f"{minus} {text}", f"{text}{minus}", f"({text})", f"{minus}{currency} {text}",
        f"{currency} {minus}{text}", f"{minus}{text} {currency}", f"({currency}{text})",
        f"{text}{minus} {currency}",
    ]  # fmt: skip
    assert parse_number(spellings[form], mark) == -number


@given(decimals, st.sampled_from(LOCALES), st.integers(-99, 99))
def test_percent_and_powers_of_ten_only_move_the_mark(number, locale, power):
    mark, separator = locale
    text = spelled(number, mark, separator)
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    expected = Fraction(number) * Fraction(10) ** power
    for exponent in (f"e{power}", f"E{power:+}", f"×10{raised}", f" x 10^{power}", f" · 10{raised}"):
        assert Fraction(parse_number(text + exponent, mark)) == expected
    assert Fraction(parse_number(text + " %", mark)) == Fraction(number) / 100
    assert Fraction(parse_number(text + "‰", mark)) == Fraction(number) / 1000


@given(
    st.integers(), st.integers(-3, 3), st.sampled_from([NUMBER, INTEGER, Comparator("quantity", unit="V")])
)
def test_integers_are_equal_only_to_themselves_as_json_and_as_text(number, apart, comparator):
    for shift in (0, 10**15, 2**53, 10**22, 10**120):
        one, other = number + shift, number + shift + apart
        for gold, answer in ((one, other), (str(one), other), (one, str(other)), (str(one), str(other))):
            assert comparator.equal(gold, answer) is (apart == 0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_json_fraction_is_its_shortest_spelling(number):
    assert NUMBER.equal(number, repr(number))
    assert NUMBER.equal(repr(number), number)


@given(
    decimals,
    st.sampled_from(LOCALES),
    st.sampled_from(["V", "kVA", "mm²", "m3/h", "°C", "N·m", "ft", "flurb"]),
)
def test_a_quantity_is_read_in_its_locale_and_its_unit(number, locale, unit):
    mark, separator = locale
    comparator = Comparator("quantity", decimal=mark)
    assert comparator.equal(
        f"{spelled(number, mark, separator)} {unit}", f"{spelled(number, mark, '')}{unit}"
    )
    assert not comparator.equal(f"{spelled(number, mark, separator)} {unit}", f"{number + 1:f} {unit}")


PREFIXES = {"m": -3, "k": 3, "M": 6, "µ": -6, "G": 9}


@given(
    decimals,
    st.sampled_from(sorted(PREFIXES)),
    st.sampled_from(["V", "VA", "var", "W", "Hz", "Pa", "Ω", "J", "m"]),
)
def test_prefixes_are_exact_powers_of_ten(number, prefix, unit):
    found, plain = parse_quantity(f"{number:f} {prefix}{unit}"), parse_quantity(f"{number:f} {unit}")
    assert found.kind == plain.kind
    assert found.low == plain.low * Fraction(10) ** PREFIXES[prefix]


@given(
    decimals,
    decimals,
    st.sampled_from(["-", " - ", "–", " – ", "…", " ... ", " to ", "~"]),
    st.sampled_from("VAK"),
)
def test_a_range_is_its_two_ends_however_it_is_written(one, other, between, unit):
    low, high = sorted((one, other))
    text = f"{low:f}{between}{high:f} {unit}"
    assert QUANTITY.equal(f"{low:f} {unit} to {high:f} {unit}", text)
    assert QUANTITY.equal(text, f"{low:f} {unit}") is (low == high)


@given(st.dates(date(1000, 1, 1), date(9999, 12, 31)), st.integers(-14, 14))
def test_a_day_is_read_back_from_every_spelling(day, offset):
    iso, month = day.isoformat(), day.strftime("%B")
    ordinal = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day not in (11, 12, 13) else 0, "th")
    for text in (
        iso, f"{day:%Y%m%d}", f"{day:%Y/%m/%d}", f"{day:%d.%m.%Y}", f"{day.day}.{day.month}.{day.year}",
        f"{day:%d-%b-%Y}", f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}",
        f"{day:%d%b%Y}".upper(), f"{month} {day.day}{ordinal} {day.year}",
        f"{day.day}{ordinal} of {month} {day.year}", f"{day:%Y-%b-%d}",
        f"{day:%A}, {day.day} {month} {day.year}", f"{day:%a %b %d %Y}", f"{day:%G}-W{day:%V-%u}",
        f"{iso}T00:00", f"{iso}T00:00:00", f"{iso}T00:00:00Z",
        f"{iso} 00:00:00", f"{iso}T00:00:00.000Z", f"{iso}T00:00:00{offset:+03}:00", f"{day:%Y%m%d}T000000",
    ):  # fmt: skip
        assert DATE.equal(iso, text), text
        assert DATE.equal(text, iso), text
        assert not DATE.equal(f"{day:%Y-%m}", text), text
    assert DATE.equal(f"{day:%Y-%m}", f"{month} {day.year}")


instants = st.integers(-(2**31), 2**32).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(instants, st.integers(-14 * 60, 14 * 60), st.integers(1, 10**6))
def test_times_are_equal_where_the_instants_are(instant, minutes, later):
    there = instant.astimezone(timezone(timedelta(minutes=minutes)))
    assert DATE.equal(instant.isoformat(), there.isoformat())
    assert DATE.equal(f"{instant:%Y%m%dT%H%M%SZ}", there.isoformat(" "))
    assert not DATE.equal(instant.isoformat(), (there + timedelta(microseconds=later)).isoformat())


texts = st.text() | st.text("0123456789.,' -+()%eE×^/°\"'m³kVAΩ€$µ½–…~", max_size=24)


@given(texts, st.sampled_from([None, ".", ","]), st.sampled_from([None, "V", "°C", "in", "flurb"]))
def test_no_text_raises(text, decimal, unit):
    read_number(text, decimal)
    parse_quantity(text, unit, decimal)
    parse_date(text, True)
    read_unit(text)
    assert decimal_marks(text) <= {".", ","}
    assert grounding_tier(text, f"a {text} b", Comparator("quantity", unit=unit)) is not False


@given(texts, st.sampled_from(["number", "quantity", "date"]))
def test_equal_normal_forms_are_equal_values(text, kind):
    comparator = Comparator(kind)
    form = comparator.normal_form(text, kind)
    if form is not None:
        assert hash(form) == hash(comparator.normal_form(text, kind))
        assert comparator.equal(text, f" {text} ")


NO_NUMBERS = [
    None, True, [], {}, float("nan"), float("inf"), "", "-", "1.2.3", "12 34", "1,2,3", "0.125.000",
    "1.234,567,890", "--5", "(-5)", "5 kW", "5 EUR USD", "1'23", "٣", "1.234 567", "1,234.567,8", "5 5",
    "1_000", "0x10", "five",
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_none(value):
    assert read_number(value) is None
