"""Generated invoices with their lines, for lists of objects: eight layouts, two of them held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np

from insource.foundation.rng import generator

Text = {"type": ["string", "null"], "maxLength": 80}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "maxLength": 40, "x-insource": {"compare": "id"}},
        "date": {"type": "string", "format": "date"},
        "due": {"type": ["string", "null"], "format": "date"},
        "supplier": Text,
        "currency": {"type": "string", "enum": ["EUR", "USD", "GBP"]},
        "total": {"type": "number"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "item": {"type": "string", "maxLength": 80},
                    "quantity": {"type": "integer"},
                    "price": {"type": "number"},
                },
                "required": ["item", "quantity", "price"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["number", "date", "due", "supplier", "currency", "total", "lines"],
    "additionalProperties": False,
}

_WHAT = (
    "hinge",
    "bracket",
    "cable",
    "filter",
    "valve",
    "gasket",
    "relay",
    "sensor",
    "pump",
    "switch",
    "hose",
)
_WHICH = ("steel", "brass", "blue", "flat", "spare", "left", "short", "heavy", "outdoor", "sealed", "twin")
_NAMES = ("Alder", "Birch", "Cobalt", "Dunlin", "Ember", "Fjord", "Garnet", "Heron", "Indigo", "Juniper")
_FORMS = ("GmbH", "Ltd", "Inc.", "& Sons", "Supplies", "Trading")
_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
_PREFIXES = ("INV-", "R", "2026/", "No-", "A")


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _gold(rng: np.random.Generator) -> dict[str, Any]:
    lines = []
    for _ in range(int(rng.integers(1, 6))):
        size = f" {int(rng.integers(2, 60))} mm" if rng.random() < 0.4 else ""
        cents = int(rng.integers(50, 30_000))
        item = f"{_pick(rng, _WHICH)} {_pick(rng, _WHAT)}{size}"
        lines.append({"item": item, "quantity": int(rng.integers(1, 40)), "price": cents / 100})
    day = date(2025, 1, 1) + timedelta(int(rng.integers(700)))
    due = day + timedelta(int(rng.choice([14, 30, 60]))) if rng.random() < 0.7 else None
    return {
        "number": f"{_pick(rng, _PREFIXES)}{int(rng.integers(1000, 99999))}",
        "date": day.isoformat(),
        "due": due and due.isoformat(),
        "supplier": f"{_pick(rng, _NAMES)} {_pick(rng, _NAMES)} {_pick(rng, _FORMS)}",
        "currency": _pick(rng, tuple(_SIGNS)),
        "total": round(sum(line["quantity"] * line["price"] for line in lines), 2),
        "lines": lines,
    }


def _head(gold: dict[str, Any], rng: np.random.Generator, day: str = "%Y-%m-%d") -> list[str]:
    labels = (
        ("Invoice no.", "Date", "Due"),
        ("Invoice", "Issued on", "Payable by"),
        ("Our ref", "Dated", "Due date"),
    )
    number, issued, due = labels[int(rng.integers(len(labels)))]
    lines = [gold["supplier"], f"{number}: {gold['number']}", f"{issued}: {_day(gold['date'], day)}"]
    if gold["due"]:
        lines.append(f"{due}: {_day(gold['due'], day)}")
    order = f"Your order: {int(rng.integers(10_000, 99_999))}"
    return [*lines, order] if rng.random() < 0.6 else lines


def _day(text: str, form: str) -> str:
    return date.fromisoformat(text).strftime(form)


def _money(value: float, gold: dict[str, Any], signed: bool = False) -> str:
    return f"{_SIGNS[gold['currency']] if signed else ''}{value:,.2f}"


def _table(mark: str, header: str, total: str) -> Callable[[dict[str, Any], np.random.Generator], str]:
    def write(gold: dict[str, Any], rng: np.random.Generator) -> str:
        rows = [
            mark.join(
                (
                    line["item"],
                    str(line["quantity"]),
                    f"{line['price']:.2f}",
                    f"{line['quantity'] * line['price']:.2f}",
                )
            )
            for line in gold["lines"]
        ]
        return "\n".join(
            [
                *_head(gold, rng),
                "",
                header,
                *rows,
                "",
                f"{total} {gold['currency']} {_money(gold['total'], gold)}",
            ]
        )

    return write


def _aligned(gold: dict[str, Any], rng: np.random.Generator) -> str:
    rows = [f"{'Qty':<6}{'Description':<34}{'Each':>10}{'Amount':>12}"]
    rows += [
        f"{line['quantity']:<6}{line['item']:<34}{line['price']:>10.2f}"
        f"{line['quantity'] * line['price']:>12.2f}"
        for line in gold["lines"]
    ]
    end = f"{'Total due':<40}{_money(gold['total'], gold, True):>22}"
    return "\n".join([*_head(gold, rng, "%d %b %Y"), "-" * 62, *rows, "-" * 62, end])


def _prose(gold: dict[str, Any], rng: np.random.Generator) -> str:
    parts = "; ".join(
        f"{line['quantity']} x {line['item']} at {_money(line['price'], gold, True)} each"
        for line in gold["lines"]
    )
    due = f" Please pay by {_day(gold['due'], '%d %B %Y')}." if gold["due"] else ""
    return (
        f"{gold['supplier']} billed you on {_day(gold['date'], '%d %B %Y')} under {gold['number']}. "
        f"We delivered {parts}. The sum comes to {_money(gold['total'], gold, True)}.{due}"
    )


def _numbered(gold: dict[str, Any], rng: np.random.Generator) -> str:
    rows = [
        f"{n}. {line['item']}, {line['quantity']} pcs @ {_money(line['price'], gold)} {gold['currency']}"
        for n, line in enumerate(gold["lines"], start=1)
    ]
    return "\n".join(
        [*_head(gold, rng), *rows, f"Sum: {_money(gold['total'], gold)} {gold['currency']}", "Thank you!"]
    )


def _entries(gold: dict[str, Any], rng: np.random.Generator) -> str:
    rows = [
        row
        for line in gold["lines"]
        for row in (
            f"Item: {line['item']}",
            f"  Quantity: {line['quantity']}",
            f"  Unit price: {_money(line['price'], gold)}",
        )
    ]
    end = [f"Currency: {gold['currency']}", f"Amount payable: {_money(gold['total'], gold)}"]
    return "\n".join([*_head(gold, rng, "%d.%m.%Y"), *rows, *end])


LAYOUTS: Mapping[str, Callable[[dict[str, Any], np.random.Generator], str]] = {
    "pipes": _table(" | ", "Item | Qty | Price | Amount", "TOTAL"),
    "csv": _table(";", "article;count;unit price;amount", "total;"),
    "aligned": _aligned,
    "prose": _prose,
    "numbered": _numbered,
    "entries": _entries,
    "tabs": _table("\t", "Description\tUnits\tEach\tSum", "Grand total"),
    "commas": _table(", ", "Goods, Pieces, Per piece, Line total", "To pay"),
}
HELD_OUT = ("tabs", "commas")


def generate(counts: Mapping[str, int], seed: int) -> Iterator[dict[str, Any]]:
    """Yield rows with ``id``, ``input``, ``output``, ``split`` and the layout as ``group``.

    Two of five test rows have an unseen layout.
    """
    seen = tuple(name for name in LAYOUTS if name not in HELD_OUT)
    for split, count in counts.items():
        for index in range(count):
            rng = generator(seed, f"invoices.{split}.{index}")
            unseen = split == "test" and index % 5 in (1, 3)
            name = _pick(rng, HELD_OUT if unseen else seen)
            gold = _gold(rng)
            text = LAYOUTS[name](gold, rng)
            yield {"id": f"{split}-{index:05}", "input": text, "output": gold, "split": split, "group": name}
