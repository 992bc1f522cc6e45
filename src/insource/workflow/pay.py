"""Buy the answers of paid arms: what they will cost, the question, the cap, and every call in the log."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal

from insource.arms.paid.plans import Asked, Asking
from insource.foundation.errors import UserError
from insource.foundation.files import locked
from insource.foundation.money import show_usd
from insource.logs.paid import Bought, Order, bought, buy, request_key, spent_usd
from insource.logs.recorder import Recorder
from insource.models.protocol import Model, Request
from insource.providers.billing import Billing
from insource.providers.price_bound import HIDDEN_TOKENS
from insource.providers.prices import PriceTable
from insource.providers.token_estimates import tokens_in
from insource.redaction.redactor import ALL_TASKS
from insource.types import Example, Task, Usage
from insource.workflow.ask_cloud import confirm_spending
from insource.workflow.session import Session

ADDED_TOKENS = 300
"""What a provider may add to a request; about 260 tokens were measured for one decision model."""

UNKNOWN = Decimal(-1)

LOCK_FILE = ".paying.lock"


class Payer:
    """Asks paid models about documents, for one session.

    ``documents`` are all that the session will ask about: the one question about an arm is about them all. A
    model is asked only with its key, a known price, and a yes. All of a task's paid arms together stay below
    ``reference.max_usd``, all runs counted. What was asked before is read from the log.
    """

    def __init__(self, session: Session, task: Task, documents: Sequence[Example] = ()) -> None:
        self._session = session
        self._task = task
        self._documents = documents
        self._prices = PriceTable(session.config.prices.models)

    def __call__(self, asking: Asking, examples: Sequence[Example]) -> Asked:
        """Buy what is missing, and return all answers to these documents, with the reason of each gap."""
        every = {example.row_id: example for example in (*examples, *self._documents)}
        asked = [(example, asking.ask(example)) for example in every.values()]
        keys = {example.row_id: request_key(asking.identity, request) for example, request in asked}
        with self._session.recorder() as recorder:
            if asking.arm not in self._session.paid_arms:
                self._session.paid_arms[asking.arm] = self._buy_missing(asking, asked, keys, recorder)
            recorder.flush()
            known = bought(recorder.database, task=self._task.name, arm=asking.arm)
        wanted = {example.row_id: keys[example.row_id] for example in examples}
        answers = {row: known.answers[key] for row, key in wanted.items() if key in known.answers}
        cost, basis = self._cost(asking, known, wanted.values())
        note = _note(len(answers), len(wanted), self._session.paid_arms[asking.arm])
        return Asked(answers, note, cost, basis)

    def _buy_missing(
        self,
        asking: Asking,
        asked: Sequence[tuple[Example, Request]],
        keys: dict[str, str],
        recorder: Recorder,
    ) -> str:
        """Buy what nobody has bought; return why documents are left, empty when none is.

        One process at a time: two that read the same sum of the log would each spend what is left.
        """
        try:
            with locked(self._session.project.workspace / LOCK_FILE, wait=False):
                recorder.flush()
                known = bought(recorder.database, task=self._task.name, arm=asking.arm)
                orders = self._orders(asking, asked, keys, known)
                if not orders:
                    return ""
                left = self._left_usd(spent_usd(recorder.database, task=self._task.name))
                return self._buy(asking, orders, recorder, left, proven=bool(known.answers))
        except BlockingIOError:
            return "another command is asking paid models here; run this one again when it has ended"

    def _orders(
        self,
        asking: Asking,
        asked: Sequence[tuple[Example, Request]],
        keys: dict[str, str],
        known: Bought,
    ) -> list[Order]:
        """Return what nobody has asked yet, each request once."""
        orders: dict[str, Order] = {}
        for example, request in asked:
            if (key := keys[example.row_id]) not in known.answers:
                estimate, most = self._estimate_usd(asking, example, request)
                orders.setdefault(key, Order(key, example, request, estimate, most))
        return list(orders.values())

    def _buy(
        self,
        asking: Asking,
        orders: Sequence[Order],
        recorder: Recorder,
        left_usd: Decimal,
        *,
        proven: bool,
    ) -> str:
        """Ask as far as the money goes; return why documents are left, empty when none is."""
        if why := self._impossible(asking, orders):
            return why
        affordable = _affordable(orders, left_usd)
        if not affordable:
            return f"reference.max_usd leaves {show_usd(max(left_usd, Decimal(0)))} for paid arms"
        try:
            model = asking.open(os.environ[asking.section.api_key_env])
            cost = sum((order.estimate_usd for order in affordable), Decimal(0))
            about = f"{len(affordable)} {'test and validation ' if self._documents else ''}documents"
            limit = f"at most {show_usd(left_usd)} more for paid arms"
            confirm_spending(self._session, f"{asking.arm} about {about} ({limit})", cost)
        except UserError as error:
            if error.code not in ("local-only", "not-confirmed"):
                raise
            return error.message
        return self._ask(asking, model, orders, recorder, left_usd, proven=proven)

    def _ask(
        self,
        asking: Asking,
        model: Model,
        orders: Sequence[Order],
        recorder: Recorder,
        left_usd: Decimal,
        *,
        proven: bool,
    ) -> str:
        session, started = self._session, time.monotonic()
        session.begin("log", f"asking {asking.arm}, every call on the record")
        why = buy(
            model,
            orders,
            recorder,
            task=self._task.name,
            arm=asking.arm,
            price=lambda name, usage: self._price(asking, name, usage),
            budget_usd=left_usd,
            proven=proven,
            progress=lambda done, total: session.display.progress("calls", done, total),
        )
        session.note_stage("log", started, digest_of=[asking.arm, [order.key for order in orders]])
        return why

    def _impossible(self, asking: Asking, orders: Sequence[Order]) -> str:
        section, variable = asking.section, asking.section.api_key_env
        if not os.environ.get(variable):
            return f"${variable} is not set, and asking {section.model} needs a key"
        if any(order.estimate_usd < 0 for order in orders):
            return (
                f"no price of {section.model} is known, so reference.max_usd could not hold: give its "
                f"cost_per_1000_usd, or its price under [prices.models]"
            )
        log = self._session.config.log.metadata_only
        if ALL_TASKS in log or self._task.name in log:
            return "the log keeps no answers of this task ([log] metadata_only), and they come from there"
        return ""

    def _estimate_usd(self, asking: Asking, example: Example, request: Request) -> tuple[Decimal, Decimal]:
        """Return what a request costs in US dollars, about and at most; ``UNKNOWN`` without a price."""
        section = asking.section
        if section.cost_per_1000_usd is not None:
            return (stated := Decimal(str(section.cost_per_1000_usd)) / 1000), stated
        read = sum(len(message.content) for message in request.messages) + asking.read
        about = Usage(
            input_tokens=tokens_in(read) + ADDED_TOKENS, output_tokens=tokens_in(asking.written(example))
        )
        sent = len(request.model_dump_json().encode()) + asking.read + HIDDEN_TOKENS
        most = Usage(input_tokens=sent, output_tokens=0 if asking.input_only else request.max_tokens)
        estimate, bound = self._price(asking, section.model, about), self._prices.dearest(section.model, most)
        return (UNKNOWN, UNKNOWN) if estimate is None or bound is None else (estimate, bound)

    def _price(self, asking: Asking, name: str, usage: Usage) -> Decimal | None:
        return self._prices.price(name, usage, billing=Billing(input_only=asking.input_only)).cost_usd

    def _left_usd(self, spent: Decimal) -> Decimal:
        return Decimal(str(self._session.config.reference.max_usd)) - spent

    def _cost(self, asking: Asking, known: Bought, keys: Iterable[str]) -> tuple[float | None, str]:
        section = asking.section
        if section.cost_per_1000_usd is not None:
            return section.cost_per_1000_usd, section.cost_source or "insource.toml"
        found = known.per_1000_usd(keys)
        if found is None:
            return None, ""
        return found[0], f"mean of {found[1]} logged calls, {self._prices.source}"


def _affordable(orders: Sequence[Order], left_usd: Decimal) -> list[Order]:
    """Return the first orders that the money pays for by their estimates."""
    chosen = []
    for order in orders:
        if order.most_usd > left_usd:
            break
        left_usd -= order.estimate_usd
        chosen.append(order)
    return chosen


def _note(answered: int, wanted: int, why: str) -> str:
    if answered == wanted:
        return ""
    if not answered:
        return f"not measured: {why}"
    return f"cut: answered {answered} of {wanted} documents, and judged on those; {why}"
