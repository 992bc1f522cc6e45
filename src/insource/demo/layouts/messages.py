"""Layouts of correspondence."""

from __future__ import annotations

import numpy as np

from insource.demo.chance import pick
from insource.demo.layouts.clauses import Wording, clauses
from insource.demo.layouts.rows import cells
from insource.demo.sheet import Sheet

NAMES = ("Maria", "Tom", "Priya", "Jonas", "Wei", "Elif", "Sam", "Ines", "Carl", "Aisha")
LETTER: Wording = {
    "supply": ("our supply is {}.", "it will be fed with {}."),
    "current": ("the plate says {}.", "rated current {}."),
    "io": ("we count {}.", "it has {}."),
    "protocols": ("it talks {}.", "we use {} with it."),
    "warranty": ("warranty is {}.", "you quoted {} warranty."),
    "extra": ("{}.", "by the way, {}.", "also {}."),
}
TICKET: Wording = {
    "supply": ("supply {}", "connected to {}"),
    "current": ("rated current {}", "FLA {}"),
    "io": ("has {}", "equipped with {}"),
    "protocols": ("bus {}", "comms via {}"),
    "warranty": ("warranty {}", "under warranty ({})"),
    "extra": ("{}", "note: {}"),
}
CALL: Wording = {
    "supply": ("site has {}.", "says it runs on {}."),
    "current": ("takes {}.", "{} on the plate."),
    "io": ("needs {}.", "uses {}."),
    "protocols": ("network is {}.", "speaks {}."),
    "warranty": ("wants {} warranty confirmed.", "bought with {} warranty."),
    "extra": ("mentioned {}.", "{}."),
}


def email(sheet: Sheet, rng: np.random.Generator) -> str:
    """A short e-mail to a supplier or a colleague."""
    sender, reader = pick(rng, NAMES), pick(rng, NAMES)
    greeting = pick(rng, ("Hi {},", "Hello {},", "Dear {},")).format(reader)
    body = " ".join(clauses(sheet, rng, LETTER))
    return f"Subject: {sheet.title}\n{greeting}\n{body}\n{pick(rng, ('Regards', 'Thanks', 'BR'))}, {sender}"


def ticket(sheet: Sheet, rng: np.random.Generator) -> str:
    """A service ticket."""
    topic = pick(rng, ("no start", "fault E12", "inspection", "query"))
    head = f"[#{rng.integers(1000, 99999)}] {sheet.title}: {topic}"
    return head + "\n" + "; ".join(clauses(sheet, rng, TICKET))


def phone_memo(sheet: Sheet, rng: np.random.Generator) -> str:
    """A memo written during a phone call."""
    head = f"Call {rng.integers(8, 18):02}:{rng.integers(10, 60)}, {pick(rng, NAMES)} re {sheet.title}."
    return " ".join([head, *clauses(sheet, rng, CALL)])


def question_answer(sheet: Sheet, rng: np.random.Generator) -> str:
    """A customer's questions with answers."""
    lines = [f"Q: {label}?\nA: {value}" for label, value in cells(sheet, rng, sheet.body)]
    return "\n".join([f"About {sheet.title}", *lines])


def quotation(sheet: Sheet, rng: np.random.Generator) -> str:
    """A position of a quotation: heading with a price, data below."""
    price = f"{rng.integers(2, 90) * 100 + 90}.00"
    head = (
        f"Quote {rng.integers(10000, 99999)}, pos. {rng.integers(1, 9) * 10}: 1 pc {sheet.title}, EUR {price}"
    )
    return "\n".join([head, *(f"   {label}: {value}" for label, value in cells(sheet, rng, sheet.body))])


def order_confirmation(sheet: Sheet, rng: np.random.Generator) -> str:
    """An order confirmation with the data in one sentence."""
    data = ", ".join(f"{label} {value}" for label, value in cells(sheet, rng, sheet.body))
    weeks = rng.integers(2, 14)
    return f"We confirm PO {rng.integers(4500000, 4599999)}: {sheet.title}. {data}; delivery {weeks} weeks."
