"""Build a sheet: the facts of one device in the wording of one vendor, before layout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from insource.demo import spelling
from insource.demo.chance import happens, pick
from insource.demo.distractors import CONTRASTING, draw_distractors
from insource.demo.facts import DC_SUPPLY, identifier
from insource.demo.noise import smudge
from insource.demo.vocabulary import ABSENT_MARKS, CODES, LABELS, PLATES, PRODUCTS, Vendor
from insource.types import Split


class Item(NamedTuple):
    """One line of a sheet.

    ``field`` is the path of the gold value, or ``""`` for a distractor. Layouts put ``value`` beside a label
    and ``phrase`` into a sentence. An item without a phrase marks an absent value. ``number`` and ``unit``
    are the parts of a physical quantity, for layouts that split them.
    """

    field: str
    label: str
    code: str
    plate: str
    value: str
    phrase: str
    number: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Sheet:
    """The input of a layout. ``items`` are in the vendor's order, with distractors among them."""

    vendor: Vendor
    product: str
    model: str | None
    items: tuple[Item, ...]
    power_label: str
    io_label: str

    @property
    def title(self) -> str:
        """The title, such as ``Norvik motor controller NVR-2041-K``; the model number may be absent."""
        return " ".join(filter(None, (self.vendor.name, self.product, self.model)))

    @property
    def body(self) -> tuple[Item, ...]:
        """The items without the model number, for layouts that put it in the heading."""
        return tuple(item for item in self.items if item.field != "model_number")

    def stated(self, *fields: str) -> list[Item]:
        """Return the items of these fields that state a value, in the given order."""
        by_field = {item.field: item for item in self.items if item.phrase}
        return [by_field[field] for field in fields if field in by_field]

    def extras(self) -> list[Item]:
        """Return the distractors."""
        return [item for item in self.items if not item.field]


POWER = tuple(f"power_requirements.{name}" for name in ("voltage", "phase", "frequency", "amperage"))
IO = ("io_config.digital_inputs", "io_config.relay_outputs")
FIELDS_OF = {"power": POWER, "io": IO, "protocols": ("protocols",), "warranty": ("warranty_years",)}

ROOM = 210  # characters of labels and values on a page; short documents keep training short


def build_sheet(
    rng: np.random.Generator, vendor: Vendor, gold: dict[str, Any], split: Split, *, smudged: bool
) -> Sheet:
    """Build the sheet of one device: spell each gold value, omit or mark absent ones, add distractors."""
    items = {item.field: item for item in _fact_items(rng, vendor, gold)}
    ordered = [items[field] for group in vendor.order for field in FIELDS_OF[group] if field in items]
    length = sum(len(item.label) + len(item.value) + 3 for item in ordered)
    serial = identifier(rng, ("#######", "##-#####"), split) if gold["model_number"] is None else None
    for label, value, phrase in draw_distractors(rng, gold, serial=serial, room=ROOM - length):
        place = int(rng.integers(len(ordered) + 1))
        code = re.sub(r"\W+", "_", label.lower()).strip("_")
        shown = smudge(rng, label) if smudged and label not in CONTRASTING else label
        ordered.insert(place, Item("", _cased(vendor, shown), code, shown.upper(), value, phrase))
    head = [items["model_number"]] if "model_number" in items else []
    return Sheet(
        vendor=vendor,
        product=pick(rng, PRODUCTS),
        model=gold["model_number"],
        items=(*head, *ordered),
        power_label=_cased(vendor, pick(rng, LABELS["power"])),
        io_label=_cased(vendor, pick(rng, LABELS["io"])),
    )


def _fact_items(rng: np.random.Generator, vendor: Vendor, gold: dict[str, Any]) -> list[Item]:
    flat = {
        "model_number": gold["model_number"],
        **{f"power_requirements.{k}": v for k, v in gold["power_requirements"].items()},
        **{f"io_config.{k}": v for k, v in gold["io_config"].items()},
        "protocols": gold["protocols"],
        "warranty_years": gold["warranty_years"],
    }
    drawn = (_item(rng, vendor, field, value) for field, value in flat.items())
    return [item for item in drawn if item is not None]


def _item(rng: np.random.Generator, vendor: Vendor, field: str, value: Any) -> Item | None:
    """Return the line of one field. For a null value, return None or a line that marks it as absent."""
    label = (
        LABELS[field][vendor.house % len(LABELS[field])] if happens(rng, 0.6) else pick(rng, LABELS[field])
    )
    names = (_cased(vendor, label), pick(rng, CODES[field]), pick(rng, PLATES[field]))
    if value is None:
        marked = field != "model_number" and happens(rng, 0.25)
        return Item(field, *names, pick(rng, ABSENT_MARKS), "") if marked else None
    text, phrase = _spelled(rng, vendor, field, value)
    number, _, unit = value.partition(" ") if field in POWER else ("", "", "")
    number = spelling.number(number.removesuffix("-phase"), comma=vendor.decimal_comma)
    return Item(field, *names, text, phrase, number, unit)


def _spelled(rng: np.random.Generator, vendor: Vendor, field: str, value: Any) -> tuple[str, str]:
    """Return the value as it reads beside a label, and as a phrase in a sentence."""
    comma = vendor.decimal_comma
    match field:
        case "power_requirements.voltage":
            direct = int(value.removesuffix(" V")) in DC_SUPPLY
            text = spelling.voltage(rng, value, direct=direct, comma=comma)
        case "power_requirements.phase":
            text = spelling.phase(rng, value)
        case "power_requirements.frequency":
            text = spelling.frequency(rng, value)
        case "power_requirements.amperage":
            text = spelling.amperage(rng, value, comma=comma)
        case "io_config.digital_inputs":
            return spelling.count(rng, value), spelling.inputs(rng, value)
        case "io_config.relay_outputs":
            return spelling.count(rng, value), spelling.relays(rng, value)
        case "protocols":
            text = pick(rng, (", ", ", ", " / ", "; ", " + ")).join(
                spelling.protocol(rng, name) for name in value
            )
        case "warranty_years":
            text = spelling.warranty(rng, value)
        case _:
            text = value
    return text, text


def _cased(vendor: Vendor, label: str) -> str:
    """Return the label in the vendor's casing. Abbreviations stay in capitals."""
    if label.isupper():
        return label
    match vendor.casing:
        case "upper":
            return label.upper()
        case "lower":
            return label.lower()
        case "title":
            return " ".join(word[:1].upper() + word[1:] for word in label.split(" "))
        case _:
            return label
