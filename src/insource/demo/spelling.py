"""Spell a canonical value in one of the many ways that documents use.

A careful reader can recover the value from every spelling: ``480 V`` may become ``0.48 kV`` or ``480VAC``,
but not ``4B0 V``.
"""

from __future__ import annotations

import numpy as np

from insource.demo.chance import happens, pick
from insource.demo.vocabulary import NUMBER_WORDS, PROTOCOLS


def number(text: str, *, comma: bool) -> str:
    """Return the number with a decimal point or comma: ``12.5`` or ``12,5``."""
    return text.replace(".", ",") if comma else text


def voltage(rng: np.random.Generator, canonical: str, *, direct: bool, comma: bool) -> str:
    """Spell ``480 V`` as ``480V``, ``480 V AC``, ``0.48 kV`` …; with ``direct``, as DC."""
    value = canonical.removesuffix(" V")
    if direct:
        return pick(rng, ("{} VDC", "{} V DC", "{}VDC", "{} V d.c.", "DC {} V", "{}V DC")).format(value)
    if int(value) >= 200 and happens(rng, 0.10):
        return f"{number(f'{int(value) / 1000:g}', comma=comma)} kV"
    forms = ("{} V", "{}V", "{} V AC", "{} VAC", "{}VAC", "{} V AC", "{} volts", "AC {} V", "{} V~")
    return pick(rng, forms).format(value)


def phase(rng: np.random.Generator, canonical: str) -> str:
    """Spell ``3-phase`` as ``3Ø``, ``three phase``, ``3~`` …, and ``1-phase`` likewise."""
    three = (
        "3-phase",
        "three-phase",
        "3 phase",
        "3Ø",
        "3ph",
        "3-ph",
        "three phase",
        "3~",
        "3 PH",
        "Three-Phase",
    )
    one = (
        "1-phase",
        "single-phase",
        "1 phase",
        "1Ø",
        "1ph",
        "1-ph",
        "single phase",
        "1~",
        "1 PH",
        "Single-Phase",
    )
    return pick(rng, three if canonical == "3-phase" else one)


def frequency(rng: np.random.Generator, canonical: str) -> str:
    """Spell ``60 Hz`` as ``60Hz``, ``60 hertz``, ``60 cycles`` …"""
    forms = ("{} Hz", "{}Hz", "{} Hz", "{} hz", "{} hertz", "{} cycles", "{} HZ", "{} c/s")
    return pick(rng, forms).format(canonical.removesuffix(" Hz"))


def amperage(rng: np.random.Generator, canonical: str, *, comma: bool) -> str:
    """Spell ``12.5 A`` as ``12.5A``, ``12,5 A``, ``12.5 amps``; ``0.8 A`` also as ``800 mA``."""
    value = canonical.removesuffix(" A")
    if value.startswith("0.") and happens(rng, 0.35):
        return f"{round(float(value) * 1000)} mA"
    forms = ("{} A", "{}A", "{} A", "{} amps", "{} Amp", "{} amperes", "{} A")
    return pick(rng, forms).format(number(value, comma=comma))


def count(rng: np.random.Generator, value: int) -> str:
    """Spell a count for a labelled cell: mostly digits, sometimes ``16 pcs``, ``16x`` or a word."""
    if value in NUMBER_WORDS and happens(rng, 0.06):
        return NUMBER_WORDS[value]
    return pick(rng, ("{}", "{}", "{}", "{}", "{} pcs", "{}x", "{} ch.")).format(value)


def inputs(rng: np.random.Generator, value: int) -> str:
    """Spell the digital inputs for a sentence."""
    if value in NUMBER_WORDS and happens(rng, 0.2):
        return f"{NUMBER_WORDS[value]} digital inputs"
    forms = (
        "{} digital inputs",
        "{} DI",
        "{} discrete inputs",
        "{} binary inputs",
        "{}x DI",
        "{} digital inputs",
    )
    return pick(rng, forms).format(value)


def relays(rng: np.random.Generator, value: int) -> str:
    """Spell the relay outputs for a sentence."""
    plural = "" if value == 1 else "s"
    if value in NUMBER_WORDS and happens(rng, 0.2):
        return f"{NUMBER_WORDS[value]} relay output{plural}"
    forms = (
        "{} relay output{s}",
        "{} RO",
        "{} output relay{s}",
        "{}x RO",
        "{} relay output{s}",
        "{} relay{s}",
    )
    return pick(rng, forms).format(value, s=plural)


def protocol(rng: np.random.Generator, canonical: str) -> str:
    """Spell a protocol: the canonical spelling half of the time, else one of its variants."""
    return canonical if happens(rng, 0.5) else pick(rng, PROTOCOLS[canonical])


def warranty(rng: np.random.Generator, years: int) -> str:
    """Spell ``2`` as ``2 years``, ``24 months``, ``two years``, ``2 yr`` …"""
    plural = "" if years == 1 else "s"
    if happens(rng, 0.3):
        return pick(rng, ("{} months", "{} months", "{} mo.", "{} mths")).format(years * 12)
    if happens(rng, 0.2):
        return f"{NUMBER_WORDS[years]} year{plural}"
    return pick(rng, ("{} year{s}", "{} year{s}", "{} yr", "{} yrs.", "{}-year", "{} y")).format(
        years, s=plural
    )
