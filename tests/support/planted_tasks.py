"""Clean rows of a classification and of a task with free text, of our own making, for planting defects in."""

from __future__ import annotations

from support.planted_rows import PROMPT, clean

from insource.foundation.rng import generator
from insource.types import Provenance, Row

WHO = (
    "A customer",
    "Our shop in Leeds",
    "The warehouse",
    "A new client",
    "The school next door",
    "My sister",
)
TICKETS = {
    "billing": ("was charged twice for order {n}", "asks why invoice {n} shows another price"),
    "delivery": ("still waits for parcel {n}", "received parcel {n} with a broken box"),
    "technical": ("sees error {n} when the app starts", "cannot print since update {n}"),
    "returns": ("wants to send back article {n}", "asks where to return the lamp of order {n}"),
}
TIMES = (
    "since Monday",
    "for the third time this year",
    "although the shop promised help",
    "as of this morning",
)
REPLIES = (
    "Thank you for writing about case {n}. We looked into it and will call you back tomorrow.",
    "The part for case {n} is in stock. It leaves our warehouse within two working days.",
    "Your contract {n} runs until the end of May. You may change the plan at any time before.",
    "We have booked {n} pounds back to your card. It takes about a week until you see them.",
)


def tickets(count: int, seed: int = 0) -> list[Row]:
    """Messages in one sentence or two, and which of four teams they go to."""
    return [_row(line, text, label) for line, (text, label) in enumerate(_tickets(count, seed), 1)]


def replies(count: int, seed: int = 0) -> list[Row]:
    """The same messages, answered in two sentences."""
    rng = generator(seed, "planted.replies")
    return [
        _row(line, text, REPLIES[int(rng.integers(len(REPLIES)))].format(n=10_000 + line))
        for line, (text, _) in enumerate(_tickets(count, seed), 1)
    ]


TASKS = {"json": clean, "labels": tickets, "text": replies}


def _tickets(count: int, seed: int) -> list[tuple[str, str]]:
    rng = generator(seed, "planted.tickets")
    labels = list(TICKETS)
    made = []
    for number in range(count):
        label = labels[int(rng.integers(len(labels)))]
        what = TICKETS[label][int(rng.integers(2))].format(n=20_000 + number)
        who, when = WHO[int(rng.integers(len(WHO)))], TIMES[int(rng.integers(len(TIMES)))]
        made.append((f"{who} {what} {when}.", label))
    return made


def _row(line: int, text: str, answer: str) -> Row:
    made = Provenance(source="planted", line=line, label="teacher", model="teacher-1", prompt_version="v1")
    return Row(line=line, row_id=f"t{line}", input=text, output=answer, prompt=PROMPT, provenance=made)
