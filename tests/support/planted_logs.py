"""Logs with planted facts: so many calls a day, of one prompt, with known answers, costs and times."""

import json
import math
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from support.prompt_log import Text

from insource.decision.from_log.profile import Given, profile_log
from insource.foundation.rng import generator
from insource.providers.prices import PriceTable
from insource.store.calls.calls import insert_calls
from insource.store.database import open_database
from insource.types import Call, Usage

START = datetime(2026, 9, 1, tzinfo=UTC)  # midnight: every day of a planted log is complete
PROMPT = "You read the messages of a parts shop. Return the customer, the article and the quantity as JSON."
DESK = (
    "Route the message to a desk. Answer with one of billing, technical or shipping, and with nothing else."
)


class Documents:
    """Messages that nobody sent twice, with the facts that stand in them."""

    def __init__(self, seed=0):
        self.text = Text(generator(seed, "tests.planted_logs"))

    def order(self):
        """A message with a customer, an article and a quantity, and these."""
        facts = {
            "customer": f"{self.text.name()} {self.text.name()}",
            "article": f"A-{self.text.number(10_000, 99_999)}",
            "quantity": self.text.number(10, 900),
        }
        said = f"{facts['customer']} orders {facts['quantity']} pieces of {facts['article']}."
        return f"{self.text.document(2, 5)} {said} {self.text.document(1, 4)}", facts

    def ticket(self, label):
        """A message in which some words tell its label."""
        words = {
            "billing": ("invoice", "refund", "charge"),
            "technical": ("crash", "login", "update"),
            "shipping": ("parcel", "courier", "delivery"),
        }[label]
        return f"{self.text.document(1, 3)} About the {self.text.pick(*words)}: {self.text.document(1, 3)}"


def orders(a_day=20, days=30, seed=0, **fields):
    """``a_day`` calls on each of ``days`` days, evenly spread, answered rightly."""
    documents = Documents(seed)
    made = []
    for number in range(a_day * days):
        document, facts = documents.order()
        made.append(call(number, document, json.dumps(facts), a_day=a_day, **fields))
    return made


def tickets(a_day=20, days=30, seed=0, **fields):
    """As ``orders``, with labels."""
    documents, made = Documents(seed), []
    for number in range(a_day * days):
        label = ("billing", "technical", "shipping")[number % 3]
        made.append(call(number, documents.ticket(label), label, prompt=DESK, a_day=a_day, **fields))
    return made


def call(number, document, answer, *, a_day=20, prompt=PROMPT, wobble=0, **fields):
    """The ``number``-th call of a log with so many calls a day, about ``wobble`` more or fewer."""
    place = number + wobble * math.sin(number / 9)
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": document}]
    known = {
        "call_id": f"c{number:06}",
        "started_at": START + place * timedelta(days=1) / a_day,
        "task": "orders",
        "endpoint": "chat",
        "provider": "openai",
        "model_asked": "gpt-4o-mini",
        "model_answered": "gpt-4o-mini",
        "request": {"model": "gpt-4o-mini", "messages": messages},
        "response_text": answer,
        "finish_reason": "stop",
        "usage": Usage(input_tokens=400, cached_tokens=0, output_tokens=30),
        "cost_usd": Decimal("0.002"),
        "priced_by": "planted",
        "latency_s": 0.5 + number % 100 / 100,
    }
    return Call(**(known | fields))


def changed(one, **fields):
    """The call with other fields."""
    return one.model_copy(update=fields)


def stored(path, calls):
    """Write the calls to a store."""
    with open_database(path) as database, database.write() as connection:
        insert_calls(connection, calls)


def profiled(calls, *, before=lambda database: None, since=None, **given):
    """The profiles of a log of these calls; ``before`` gets the store first, for feedback."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "insource.db"
        stored(path, calls)
        with open_database(path) as database:
            before(database)
            return profile_log(
                database, Given(**({"price": PriceTable().cost, "folder": Path(folder)} | given)), since=since
            )


def the_profile(calls, **given):
    """The one profile of a log of one task."""
    (found,) = profiled(calls, **given).profiles
    return found
