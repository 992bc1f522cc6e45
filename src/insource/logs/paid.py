"""Answers that were bought for an evaluation: asked once, on record, and read back from the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from pydantic import ValidationError

from insource.foundation.canonical import digest
from insource.foundation.errors import ProviderError
from insource.logs.recorded_model import RecordedModel
from insource.logs.recorder import Recorder
from insource.models.protocol import Model, Request
from insource.models.transport import ATTEMPTS, OF_THE_DOCUMENT, TIMEOUT
from insource.store.calls.paging import iterate_calls
from insource.store.calls.selection import Selection
from insource.store.database import Database
from insource.types import Call, Completion, Example, Usage
from insource.types.dataset import ENDED_BADLY

ARM_SOURCE = "arm"
"""The source of a call that was made for an arm: a part of an evaluation, not of the team's traffic."""

ARM_TAG = "arm"
ANCHOR_TAG = "anchor"
"""The tag of a call that asks an anchor, which has a budget of its own."""

REQUEST_TAG = "arm_request"
ESTIMATE_TAG = "arm_estimate_usd"
FLUSH_EVERY = 50

UNREADABLE = "provider-bad-answer"
MAX_TIMEOUTS_IN_A_ROW = 2
MAX_FAILURES_AT_FIRST = 5

CHARGED = {UNREADABLE: 1, TIMEOUT: ATTEMPTS}
"""The errors after which a provider may have charged for answers that nobody got, with their number."""


Price = Callable[[str, Usage], Decimal | None]
"""What a call of a model costs by its token counts, in US dollars; None when unknown."""


class Bought(NamedTuple):
    """Answers by the digest of their request (``request_key``): a completion, or the reason of a failure."""

    answers: dict[str, Completion | str]
    costs: dict[str, Decimal]

    def per_1000_usd(self, keys: Iterable[str]) -> tuple[float, int] | None:
        """Return the mean cost of 1,000 of these requests, and how many have a known cost; None without."""
        known = [self.costs[key] for key in keys if key in self.costs]
        return (float(1000 * sum(known, Decimal(0)) / len(known)), len(known)) if known else None


class Order(NamedTuple):
    """One request to send: its key, its row, and what it costs in US dollars: about, and at most."""

    key: str
    example: Example
    request: Request
    estimate_usd: Decimal
    most_usd: Decimal


def request_key(identity: Mapping[str, object], request: Request) -> str:
    """Return the digest of all that decides an answer: ``identity`` names the model and its settings."""
    return digest([dict(identity), request.model_dump(mode="json", exclude={"document", "attributes"})])


def bought(database: Database, *, task: str, arm: str) -> Bought:
    """Return what was bought for this arm; of several answers to a request, the last one.

    Until it has answered one document, its failures say nothing of the documents: an endpoint that does not
    know a parameter refuses them all.
    """
    answers: dict[str, Completion | str] = {}
    failures: dict[str, str] = {}
    costs: dict[str, Decimal] = {}
    for call in _calls(database, task):
        if call.tags.get(ARM_TAG) != arm:
            continue
        key = call.tags.get(REQUEST_TAG, "")
        if call.outcome == "ok":
            answers[key] = ENDED_BADLY.get(call.finish_reason) or _completion(call)
            if call.cost_usd is not None:
                costs[key] = call.cost_usd
        elif call.error.partition(":")[0] in OF_THE_DOCUMENT:
            failures.setdefault(key, call.error)
    return Bought({**failures, **answers} if answers else {}, costs)


def spent_usd(database: Database, *, task: str) -> Decimal:
    """Return what all arms of a task have cost so far, anchors aside.

    A call without a known cost counts as estimated, and so does one whose process was killed, and each
    attempt of one that had no answer in time: the provider may have charged for them.
    """
    total = Decimal(0)
    for call in _calls(database, task):
        if ANCHOR_TAG in call.tags:
            continue
        estimate = Decimal(call.tags.get(ESTIMATE_TAG, "0"))
        if call.outcome == "error":
            total += estimate * CHARGED.get(call.error.partition(":")[0], 0)
        else:
            total += estimate if call.cost_usd is None else call.cost_usd
    return total


def buy(
    model: Model,
    orders: Sequence[Order],
    recorder: Recorder,
    *,
    task: str,
    arm: str,
    price: Price,
    budget_usd: Decimal,
    proven: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Send the orders one after the other; every call is recorded. Return why it stopped early, else "".

    It stops before the budget could be exceeded, at an error that is not about one document, and when the
    arm is not ``proven``, has not answered before, and fails on the first documents. What was answered until
    then is in the log.
    """
    recorded = RecordedModel(
        model, recorder, task, price=lambda name, usage, at: price(name, usage), source=ARM_SOURCE
    )
    left, timeouts, answered = budget_usd, 0, proven
    for done, order in enumerate(orders):
        if order.most_usd > left:
            return "the next one could exceed reference.max_usd"
        tags = {
            ARM_TAG: arm,
            REQUEST_TAG: order.key,
            ESTIMATE_TAG: str(order.estimate_usd),
            "row_id": order.example.row_id,
        }
        try:
            usage = recorded.tagged(**tags).generate(order.request).usage
        except ProviderError as error:
            timeouts = timeouts + 1 if error.code == TIMEOUT else 0
            if error.code not in OF_THE_DOCUMENT or timeouts == MAX_TIMEOUTS_IN_A_ROW:
                return error.message
            if not answered and done + 1 == MAX_FAILURES_AT_FIRST:
                return f"it failed on the first {done + 1} documents: {error.message}"
            left -= order.estimate_usd * CHARGED.get(error.code, 0)
        else:
            timeouts, answered = 0, True
            cost = price(model.info.name, usage)
            left -= order.estimate_usd if cost is None else cost
        if (done + 1) % FLUSH_EVERY == 0:
            recorder.flush()
        progress(done + 1, len(orders))
    return ""


def _completion(call: Call) -> Completion:
    """Return a recorded answer, with what the model said of its certainty."""
    said = Completion(
        text=call.response_text,
        finish_reason=call.finish_reason,
        model=call.model_answered or call.model_asked,
        usage=call.usage,
        latency_s=call.latency_s,
    )
    try:
        return Completion.model_validate({**said.model_dump(), **(call.response or {})})
    except ValidationError:
        return said


def _calls(database: Database, task: str) -> Iterable[Call]:
    return iterate_calls(database, Selection(task=task, source=ARM_SOURCE))
