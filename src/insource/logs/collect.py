"""Asking a cloud model about every document once, on the record: the first turn of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from insource.errors import ProviderError
from insource.logs.prices import PriceTable
from insource.logs.recorder import RecordedModel, Recorder
from insource.models.protocol import Model, Request
from insource.store.calls import find_calls
from insource.store.database import Database
from insource.types import Call, Example, LoggedAnswer

ROW_TAG = "row_id"
DIGEST_TAG = "example"
FLUSH_EVERY = 50


def collect(
    model: Model,
    examples: Sequence[Example],
    ask: Callable[[Example], Request],
    recorder: Recorder,
    *,
    task: str,
    confirm: Callable[[Sequence[Example]], None] = lambda pending: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, LoggedAnswer]:
    """The model's answer to each example by row id: from the log where it is there, else asked now.

    ``confirm`` gets the documents that would be asked now, and raises to stop before the first is. A
    document the provider refuses is on record with its error and simply has no answer here.

    Raises:
        ProviderError: when the provider cannot be reached; what was answered is in the log.
    """
    logged = answered(recorder, task=task, model=model.info.name)
    confirm([example for example in examples if example.digest not in logged])
    recorded = RecordedModel(model, recorder, task, price=PriceTable().cost)
    found: dict[str, LoggedAnswer] = {}
    for index, example in enumerate(examples):
        answer = logged.get(example.digest)
        if answer is None:
            tagged = recorded.tagged(**{ROW_TAG: example.row_id, DIGEST_TAG: example.digest})
            answer = _ask(tagged, ask(example))
        if answer is not None:
            found[example.row_id] = answer
        if index % FLUSH_EVERY == 0:
            recorder.flush()
        progress(index + 1, len(examples))
    recorder.flush()
    return found


def _ask(model: RecordedModel, request: Request) -> LoggedAnswer | None:
    try:
        completion = model.generate(request)
    except ProviderError as error:
        if error.code == "provider-refused":
            return None
        raise
    return LoggedAnswer(text=completion.text, latency_s=completion.latency_s)


def answered(recorder: Recorder, *, task: str, model: str) -> dict[str, LoggedAnswer]:
    """Logged complete answers of a model by the digest of the example they answer."""
    recorder.flush()
    return {
        call.tags[DIGEST_TAG]: LoggedAnswer(text=call.response_text, latency_s=call.latency_s)
        for call in _calls(recorder.database, task, model)
    }


def cost_per_1000_usd(database: Database, *, task: str, model: str) -> tuple[Decimal, int] | None:
    """What 1,000 documents cost by the logged calls, and how many calls that is the mean of.

    None when no call has a known price; unknown is never counted as free.
    """
    calls = _calls(database, task, model)
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return (1000 * sum(costs, Decimal(0)) / len(costs), len(costs)) if costs else None


def _calls(database: Database, task: str, model: str) -> list[Call]:
    calls = find_calls(database, task=task, model=model)
    return [call for call in calls if call.outcome == "ok" and DIGEST_TAG in call.tags]
