"""Distractors: statements that the schema does not ask for and that resemble the facts it does."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from insource.demo.chance import pick, shuffled
from insource.demo.facts import DC_SUPPLY
from insource.demo.vocabulary import PROTOCOLS


class Distractor(NamedTuple):
    """One distractor: ``label`` and ``value`` for a labelled line, ``phrase`` for a sentence.

    Braces name a random draw.
    """

    label: str
    value: str
    phrase: str


DISTRACTORS = (
    Distractor("Weight", "{weight} kg", "weight {weight} kg"),
    Distractor("Shipping weight", "{h} lb", "shipping weight {h} lb"),
    Distractor("Ambient temperature", "{cold} to {warm} °C", "ambient {cold} to {warm} °C"),
    Distractor("Storage", "max {warm} °C", "storage up to {warm} °C"),
    Distractor("Approvals", "{marks}", "approvals {marks}"),
    Distractor("Enclosure", "{ip}", "{ip} enclosure"),
    Distractor("Dimensions", "{h} x {w} x {d} mm", "dimensions {h} x {w} x {d} mm"),
    Distractor("Analog inputs", "{few}", "{few} analog inputs"),
    Distractor("Analog outputs", "{few}", "{few} analog outputs"),
    Distractor("Transistor outputs", "{few}", "{few} transistor outputs"),
    Distractor("Contact rating", "{few} A, 250 VAC", "relay contacts rated {few} A at 250 VAC"),
    Distractor("Serial port", "RS-485, {baud} baud", "RS-485 port at {baud} baud"),
    Distractor("Accessory", "{part}", "mounting kit {part} sold separately"),
    Distractor("Keypad warranty", "{months} months", "{months} months warranty on the keypad"),
    Distractor("Order quantity", "{quantity}", "order quantity {quantity}"),
    Distractor("Max. fuse", "{fuse} A gG", "back-up fuse {fuse} A gG"),
    Distractor("SCCR", "{few}0 kA", "SCCR {few}0 kA"),
    Distractor("Carrier frequency", "{few} kHz", "carrier frequency {few} kHz"),
    Distractor("Firmware", "v{few}.{warm}", "firmware v{few}.{warm}"),
    Distractor("Altitude", "max {few}000 m", "altitude up to {few}000 m"),
    Distractor("Insulation test", "2.5 kV", "insulation tested at 2.5 kV"),
    Distractor("Max. motor cable", "{fuse} m", "motor cable up to {fuse} m"),
    Distractor("Replaces", "{part}", "replaces the older {part}"),
)

CONTROL_POWER = Distractor("Control power", "{control}", "control power {control}")
UNSUPPORTED = Distractor("Not supported", "{protocol}", "{protocol} is not supported")
SERIAL = Distractor("Serial no.", "{serial}", "serial no. {serial}")
# Only the label distinguishes these from facts, so noise must not change the label.
CONTRASTING = frozenset({CONTROL_POWER.label, UNSUPPORTED.label, "Keypad warranty", "Contact rating"})

CONTROL_VOLTAGES = ("24 VDC", "24 V DC", "110 VAC", "24VDC", "115 V AC", "48 VDC")
MARKS = ("CE", "UL", "CE, UL", "cULus", "CSA", "CE, UKCA", "ATEX")
ENCLOSURES = ("IP20", "IP54", "IP65", "IP66", "NEMA 4X", "NEMA 1", "IP21")


def draw_distractors(
    rng: np.random.Generator, gold: dict[str, Any], *, serial: str | None, room: int
) -> list[tuple[str, str, str]]:
    """Return (label, value, phrase) of one to six distractors that fit into ``room`` characters.

    Control power appears only beside a stated AC supply: without one, a careful reader could take it for the
    supply. A document without a model number gets a serial number, so that no two documents are equal.
    """
    draws = _draws(rng, gold)
    chosen = [SERIAL] if serial else []
    chosen += _pointed(rng, gold) + shuffled(rng, DISTRACTORS)[:6]
    filled: list[tuple[str, str, str]] = []
    for distractor in chosen[:6]:
        texts = tuple(part.format(serial=serial, **draws) for part in distractor)
        room -= len(texts[0]) + len(texts[1]) + 3
        if filled and room < 0:
            break
        filled.append((texts[0], texts[1], texts[2]))
    return filled


def _pointed(rng: np.random.Generator, gold: dict[str, Any]) -> list[Distractor]:
    """Return distractors that seem to contradict a fact, only where the stated facts resolve the doubt."""
    voltage = gold["power_requirements"]["voltage"]
    pointed = []
    if voltage and int(voltage.removesuffix(" V")) not in (*DC_SUPPLY, 110, 115) and rng.random() < 0.35:
        pointed.append(CONTROL_POWER)
    if gold["protocols"] and rng.random() < 0.06:
        pointed.append(UNSUPPORTED)
    return pointed


def _draws(rng: np.random.Generator, gold: dict[str, Any]) -> dict[str, Any]:
    return {
        "weight": f"{rng.integers(8, 400) / 10:g}",
        "cold": pick(rng, (-25, -20, -10, 0, 5)),
        "warm": pick(rng, (40, 45, 50, 55, 60, 70)),
        "marks": pick(rng, MARKS),
        "ip": pick(rng, ENCLOSURES),
        "h": rng.integers(90, 600),
        "w": rng.integers(60, 400),
        "d": rng.integers(40, 300),
        "few": rng.integers(2, 9),
        "baud": pick(rng, (9600, 19200, 38400, 115200)),
        "part": f"{pick(rng, ('MK', 'ZB', 'AX', 'KIT'))}-{rng.integers(100, 1000)}",
        "months": pick(rng, (6, 12, 18)),
        "quantity": rng.integers(2, 60),
        "fuse": pick(rng, (10, 16, 20, 25, 35, 50, 63, 80, 100)),
        "control": pick(rng, CONTROL_VOLTAGES),
        "protocol": pick(rng, [name for name in PROTOCOLS if name not in (gold["protocols"] or ())]),
    }
