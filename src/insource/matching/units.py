"""Read units of measurement: the kind of quantity that a unit measures, and its exact size.

Dimension is not kind: kVA and kW have one dimension and are not the same. A unit's kind is its dimension
with the marks of its parts (``_MARKS``), so units are of one kind only where they measure the same thing.
pint knows the units and their sizes; spellings are taken apart here, because pint would evaluate them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from insource.matching.normal_forms import fold_characters

MAX_LENGTH = 40
"""Longer texts are no units."""

# What pint does not have, or reads as something else: cfm as centifermi.
_DEFINITIONS = """
volt_ampere_reactive = volt * ampere = var = VAr = VAR
volt_ampere_hour = volt * ampere * hour = VAh
volt_ampere_reactive_hour = volt * ampere * hour = varh = VArh = VARh
bar_gauge = bar = barg
bar_absolute = bar = bara
psi_gauge = pound_force_per_square_inch = psig
psi_absolute = pound_force_per_square_inch = psia
cubic_foot_per_minute = foot ** 3 / minute = cfm
standard_cubic_foot_per_minute = foot ** 3 / minute = scfm
gallon_per_minute = gallon / minute = gpm
gallon_per_hour = gallon / hour = gph
liter_per_minute = liter / minute = lpm
normal_cubic_meter = meter ** 3
normal_liter = liter = Nl = NL
liter_per_hundred_kilometer = liter / (100 * kilometer)
diopter = 1 / meter = dpt
bit_per_second = bit / second = bps
ppb = 1e-9
"""

# Spellings of whole units: written as pint or the definitions above have it.
_WHOLE = {
    **dict.fromkeys(("1/min", "/min", "min^-1", "min-1", "U/min", "r/min", "rev/min", "tr/min"), "rpm"),
    "bar(g)": "barg", "bar(a)": "bara", "psi(g)": "psig", "psi(a)": "psia", "bar g": "barg", "bar a": "bara",
    "W/mK": "W/(m*K)", "mm Hg": "mmHg", "in Hg": "inHg",
}  # fmt: skip
_NAMES = {
    '"': "inch", "''": "inch", "'": "foot", "%": "percent", "‰": "permille",
    "°": "degree", "°C": "degree_Celsius", "°F": "degree_Fahrenheit", "°K": "kelvin", "°R": "degree_Rankine",
    "PS": "metric_horsepower", "CV": "metric_horsepower", "cv": "metric_horsepower", "HP": "horsepower",
    "Amp": "ampere", "Amps": "ampere", "amps": "ampere", "Ohm": "ohm", "Ohms": "ohm", "Ω": "ohm",
    "KM": "km", "HZ": "hertz", "KHZ": "kHz", "MHZ": "MHz", "GHZ": "GHz", "KWH": "kWh", "BAR": "bar",
    "PSI": "psi", "PSIG": "psig", "PSIA": "psia", "RPM": "rpm", "GPM": "gpm", "CFM": "cfm",
    "SCFM": "scfm", "LPM": "lpm", "GPH": "gph", "LB": "lb", "LBS": "lb", "lbs": "lb", "OZ": "ounce",
    "IN": "inch",
    "FT": "foot", "KG": "kg", "qm": "square_meter", "sqm": "square_meter", "cbm": "cubic_meter",
    "sqft": "square_foot", "sqin": "square_inch", "cuft": "cubic_foot",
    "kilohm": "kiloohm", "kilohms": "kiloohm", "megohm": "megaohm", "megohms": "megaohm",
    **{f"{prefix}b": f"{prefix.lower() if prefix == 'K' else prefix}bit" for prefix in ("", *"kKMGT")},
    "mil": "thou", "mils": "thou",
    **dict.fromkeys(("pcs", "PCS", "pc"), "count"),
}  # fmt: skip
# pint reads these letters as constants of physics, people as their own abbreviations.
_CONSTANTS = frozenset({"c", "e", "k", "R", "pi", "π", "alpha"})

# Parts that make a quantity another kind than its dimension says.
_MARKS = {
    **dict.fromkeys(("volt_ampere", "volt_ampere_hour"), "apparent"),
    **dict.fromkeys(("volt_ampere_reactive", "volt_ampere_reactive_hour"), "reactive"),
    **dict.fromkeys(("becquerel", "curie", "rutherford"), "activity"),
    **dict.fromkeys(("gray", "rads"), "absorbed dose"),
    **dict.fromkeys(("sievert", "rem"), "equivalent dose"),
    **dict.fromkeys(("lumen", "lux", "steradian", "square_degree"), "solid angle"),
    **dict.fromkeys(
        (
            "radian", "degree", "arcminute", "arcsecond", "milliarcsecond", "grade", "turn", "mil",
            "revolutions_per_minute", "revolutions_per_second",
        ),
        "angle",
    ),
    **dict.fromkeys(("bit", "byte", "baud", "bit_per_second"), "data"),
    **dict.fromkeys(("count", "counts_per_second"), "count"),
    **dict.fromkeys(("katal", "enzyme_unit"), "catalysis"),
    **dict.fromkeys(("ampere_turn", "biot_turn", "gilbert"), "magnetomotive"),
    **dict.fromkeys(("bar_gauge", "psi_gauge"), "gauge"),
    **dict.fromkeys(("bar_absolute", "psi_absolute"), "absolute"),
    **dict.fromkeys(("normal_cubic_meter", "normal_liter"), "normal"),
    **dict.fromkeys(("standard_cubic_foot_per_minute", "standard_liter_per_minute"), "standard"),
    "liter_per_hundred_kilometer": "consumption", "diopter": "refraction", "strain": "strain",
    "refractive_index_unit": "refraction", "absorbance_unit": "absorbance", "sound_pressure_level": "level",
}  # fmt: skip

_FACTOR = re.compile(
    r"(?P<open>\()|(?P<close>\))|(?P<divided>/|\bper\b)|(?P<times>[*·⋅×•∙‧])"
    r"|(?P<name>[^\W\d]*H2O|°\s?[^\W\d_]*|[^\W\d]+|''|[%‰'\"])(?P<power>\^?[+-]?[1-9](?![0-9]))?"
)
_WORDS = (
    (re.compile(r"^1\s?(?=/)"), ""),
    (re.compile(r"\b[Ll]\s?(?:/|per)\s?100\s?km\b"), "liter_per_hundred_kilometer"),
    (re.compile(r"\bNm\^?3"), "normal_cubic_meter"),
    (re.compile(r"\bfl(?:uid|\.)?[ -]?(?:oz|ounces?)\b", re.IGNORECASE), "fluid_ounce"),  # not femtolitres
    (re.compile(r"\b(?:square|sq\.?) ([a-zA-Z]+)"), r"\1^2"),
    (re.compile(r"\b(?:cubic|cu\.?) ([a-zA-Z]+)"), r"\1^3"),
    (re.compile(r"\b([a-zA-Z]+) squared\b"), r"\1^2"),
    (re.compile(r"\b([a-zA-Z]+) cubed\b"), r"\1^3"),
    (re.compile(r"\bdeg(?:rees?)?\.? ?(?=[CF]\b|Celsius|Fahrenheit)"), "°"),
    (re.compile(r"Ohms?\b"), "ohm"),
    (re.compile(r"°\s?[Cc]elsius"), "°C"),
    (re.compile(r"°\s?[Ff]ahrenheit"), "°F"),
    (re.compile(r"(?<=[^\W\d_])[.-](?=[^\W\d_])"), "*"),  # N-m, N.m
    (re.compile(r"(?<=[^\W\d_])\."), ""),  # an abbreviation's point
    (re.compile(r"\b([kMGmµμ]?N)([cm]?m)\b"), r"\1*\2"),  # Nm, which pint reads as 1/nm
    (re.compile(r"\b([kMGmµμ]?(?:V|A|W|N|J|Pa))s\b"), r"\1*s"),  # Ws, which pint reads as several watts
)
_TORQUE = {frozenset(pair) for pair in (("foot", "pound"), ("inch", "pound"), ("inch", "ounce"))}


class Unit(NamedTuple):
    """What a unit measures, and what one of it is in SI base units: ``base = scale * number + offset``."""

    kind: str
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


class _Factor(NamedTuple):
    """One part of a unit, by pint's name without its prefix, with its size and dimension."""

    name: str
    power: int
    scale: Fraction
    dimension: tuple[tuple[str, Fraction], ...]


def fold_unit(symbol: str) -> str:
    """Return a unit's symbol without differences of writing: ``㎜²`` becomes ``mm^2``."""
    return " ".join(fold_characters(symbol).split()).rstrip(" .;,")


@lru_cache(maxsize=4096)
def read_unit(symbol: str) -> Unit | None:
    """Return the unit that a symbol or name stands for, None when it is not known. mW is not MW."""
    text = fold_unit(symbol)
    if len(text) > MAX_LENGTH:
        return None
    text = _WHOLE.get(text, text)
    for pattern, replacement in _WORDS:
        text = pattern.sub(replacement, text)
    if not text:
        return Unit("dimensionless")
    try:
        return _combined([_factor(name, power) for name, power in _powers(text)])
    except (ValueError, ArithmeticError):
        return None


def _powers(text: str) -> Iterator[tuple[str, int]]:
    """Yield the names in a unit with their powers; a slash divides by the next name or bracket.

    Raises:
        ValueError: the text is not built like a unit.
    """
    sign = bracket = 1
    depth, place, joined = 0, 0, True
    while place < len(text):
        if text[place] == " ":
            place, joined = place + 1, True
            continue
        match = _FACTOR.match(text, place)
        if match is None:
            raise ValueError(text)
        place = match.end()
        if match["divided"] or match["times"]:
            sign, joined = -1 if match["divided"] else 1, True
        elif (match["open"] and joined and not depth) or (match["close"] and depth and not joined):
            depth = 1 - depth
            bracket, sign, joined = (sign if depth else 1), 1, bool(depth)
        elif match["name"] and joined:
            yield match["name"].replace(" ", ""), sign * bracket * int((match["power"] or "1").lstrip("^"))
            sign, joined = 1, False
        else:
            raise ValueError(text)
    if depth or joined:
        raise ValueError(text)


def _factor(name: str, power: int) -> _Factor:
    """Return one part of a unit.

    Raises:
        ValueError: the name is not known.
    """
    from pint import PintError

    prefix, base = _named(name)
    try:
        size, _ = _registry().get_base_units(prefix + base)
        dimension = _registry().get_dimensionality(base)
    except PintError as error:  # a degree Celsius takes no prefix
        raise ValueError(name) from error
    if not isinstance(size, int | Fraction):  # a unit of the Gaussian system has an irrational size
        raise ValueError(name)
    return _Factor(base, power, Fraction(size), tuple(sorted(dimension.items())))


def _named(name: str) -> tuple[str, str]:
    """Return pint's prefix and name for a name: as it is, with kilo for a capital K, or in lower case.

    Raises:
        ValueError: the name is not known.
    """
    parse = _registry().parse_unit_name
    found = () if name in _CONSTANTS else parse(_NAMES.get(name, name))
    if not found and name.startswith("K"):
        found = parse("k" + name[1:])
    if not found and len(name) > 3:
        word = name.lower()
        found = [one for one in parse(word) if word.startswith(one[0])]  # MILLIBAR, but not MBAR
    if not found:
        raise ValueError(name)
    return found[0][0], found[0][1]


def _combined(factors: list[_Factor]) -> Unit:
    if len(factors) == 1 and factors[0].power == 1:
        converter = _registry()._units[factors[0].name].converter
        if converter.is_logarithmic:
            return Unit(f"level {factors[0].name}", factors[0].scale)
        offset = getattr(converter, "offset", 0)
        return Unit(_kind(factors), factors[0].scale, Fraction(offset))
    factors = _forces(factors)
    if any(_registry()._units[factor.name].converter.is_logarithmic for factor in factors):
        raise ValueError("a level in a compound unit")
    scale = Fraction(1)
    for factor in factors:
        scale *= factor.scale**factor.power
    return Unit(_kind(factors), scale)


def _forces(factors: list[_Factor]) -> list[_Factor]:
    """Read the pounds of ``ft-lb`` as force: feet times pounds is a torque."""
    names = frozenset(factor.name for factor in factors if factor.power == 1)
    if len(factors) != 2 or names not in _TORQUE:
        return factors
    return [_factor({"pound": "lbf", "ounce": "ozf"}.get(factor.name, factor.name), 1) for factor in factors]


def _kind(factors: list[_Factor]) -> str:
    dimension: Counter[str] = Counter()
    marks: Counter[str] = Counter()
    for factor in factors:
        for base, power in factor.dimension:
            dimension[base] += int(power * factor.power)
        if factor.name in _MARKS:
            marks[_MARKS[factor.name]] += factor.power
    if mark := _mark_of_product(factors, dimension):
        marks[mark] += 1
    words = [f"{base}^{power}" for base, power in sorted(dimension.items()) if power]
    words += [f"{mark}^{power}" for mark, power in sorted(marks.items()) if power]
    return " ".join(words) or "dimensionless"


def _mark_of_product(factors: list[_Factor], dimension: Counter[str]) -> str:
    """Name the products of another kind: force times length is torque, volts times amperes are apparent."""
    powers = {factor.name: factor.power for factor in factors}
    if powers.get("volt") == powers.get("ampere") == 1:
        return "apparent"
    bases = [dict(factor.dimension) for factor in factors if factor.power == 1]
    energy = {base: power for base, power in dimension.items() if power} == _ENERGY
    return "torque" if energy and _FORCE in bases and {"[length]": 1} in bases else ""


_FORCE = {"[mass]": 1, "[length]": 1, "[time]": -2}
_ENERGY = {"[mass]": 1, "[length]": 2, "[time]": -2}


@lru_cache(maxsize=1)
def _registry() -> Any:
    from pint import UnitRegistry  # slow to import, and most tasks have no quantity

    registry = UnitRegistry(non_int_type=Fraction)  # exact: 0.48 kV is 480 V, not nearly
    for line in _DEFINITIONS.strip().splitlines():
        registry.define(line)
    return registry
