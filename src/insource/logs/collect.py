"""Ask a cloud model about every document once, record the calls, and read the answers back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from insource.config.log import OwnPrice
from insource.foundation.canonical import digest
from insource.foundation.errors import ProviderError
from insource.logs.paid import MAX_TIMEOUTS_IN_A_ROW
from insource.logs.recorded_model import RecordedModel
from insource.logs.recorder import Recorder
from insource.models.protocol import Model, Request
from insource.models.transport import OF_THE_DOCUMENT, TIMEOUT
from insource.providers.prices import PriceTable
from insource.store.calls.paging import iterate_calls
from insource.store.calls.selection import Selection
from insource.store.database import Database
from insource.types import Call, CloudCall, Example, LoggedAnswer
from insource.types.call import Outcome
from insource.types.dataset import ENDED_BADLY

ROW_TAG = "row_id"
PROMPT_TAG = "prompt"
FLUSH_EVERY = 50

Ask = Callable[[Example], Request]


class Logged(NamedTuple):
    """The logged answers to documents, by row id and model, and the models whose answers are simulated."""

    answers: dict[str, dict[str, LoggedAnswer]]
    simulated: frozenset[str]


def collect(
    model: Model,
    examples: Sequence[Example],
    ask: Ask,
    recorder: Recorder,
    *,
    task: str,
    prices: Mapping[str, OwnPrice] | None = None,
    confirm: Callable[[Sequence[Example]], None] = lambda pending: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Ask the model about every document whose prompt it has not answered yet; return how many calls failed.

    ``confirm`` receives the documents that would be asked, and raises to stop before the first request. A
    document that the provider refuses, or does not answer in time, is recorded with its error.

    Raises:
        ProviderError: the provider refuses or cannot be reached; earlier answers are in the log.
    """
    recorder.flush()
    known = {
        call.tags[PROMPT_TAG]
        for call in _calls(recorder.database, task)
        if call.model_asked == model.info.name
    }
    pending = [example for example in examples if _prompt(ask(example)) not in known]
    confirm(pending)
    recorded = RecordedModel(model, recorder, task, price=PriceTable(prices).cost)
    done, failed, timeouts = len(examples) - len(pending), 0, 0
    for example in pending:
        request = ask(example)
        tagged = recorded.tagged(**{ROW_TAG: example.row_id, PROMPT_TAG: _prompt(request)})
        try:
            tagged.generate(request)
            timeouts = 0
        except ProviderError as error:
            timeouts = timeouts + 1 if error.code == TIMEOUT else 0
            if error.code not in OF_THE_DOCUMENT or timeouts == MAX_TIMEOUTS_IN_A_ROW:
                raise
            failed += 1
        done += 1
        if done % FLUSH_EVERY == 0:
            recorder.flush()
        progress(done, len(examples))
    recorder.flush()
    return failed


def logged(database: Database, examples: Iterable[Example], ask: Ask, *, task: str) -> Logged:
    """Return the answers in the log to the exact prompts of these documents, from every model.

    An answer to a prompt with another instruction or schema is left out. A call that failed for its document
    is a failure of the model, unless another call answered the prompt; an outage is none.
    """
    known: dict[str, dict[str, LoggedAnswer]] = {}
    simulated: dict[str, set[str]] = {}
    for call in _calls(database, task, outcome=None):
        prompt = call.tags[PROMPT_TAG]
        earlier = known.get(prompt, {}).get(call.model_asked)
        if (answer := _answer(call, earlier)) is None:
            continue
        known.setdefault(prompt, {})[call.model_asked] = answer
        if call.simulated:
            simulated.setdefault(prompt, set()).add(call.model_asked)
    answers, spoken = {}, set()
    for example in examples if known else ():
        if (prompt := _prompt(ask(example))) in known:
            answers[example.row_id] = known[prompt]
            spoken |= simulated.get(prompt, set())
    return Logged(answers, frozenset(spoken))


def has_answers(database: Database, *, task: str) -> bool:
    """Whether the log has any answer that ``collect`` requested."""
    return next(_calls(database, task), None) is not None


def cost_per_1000_usd(database: Database, *, task: str, model: str) -> tuple[Decimal, int] | None:
    """Return the mean cost of 1,000 documents in US dollars, and the number of calls behind the mean.

    The result is None when no call has a known price; an unknown price is never counted as zero.
    """
    costs = [
        call.cost_usd
        for call in _calls(database, task)
        if call.model_asked == model and call.cost_usd is not None
    ]
    return (1000 * sum(costs, Decimal(0)) / len(costs), len(costs)) if costs else None


def _prompt(request: Request) -> str:
    return digest([message.model_dump() for message in request.messages])


def _answer(call: Call, earlier: LoggedAnswer | None) -> LoggedAnswer | None:
    """Return what a call says about its document, beside an earlier one; None when it says nothing.

    An outage says nothing. A failure says nothing after an answer to the same prompt. Earlier answers are
    kept as repeats.
    """
    if call.outcome != "ok":
        of_the_document = call.error.partition(":")[0] in OF_THE_DOCUMENT
        failed = LoggedAnswer(text="", failure=f"error: {call.error}")
        return failed if of_the_document and earlier is None else None
    failure = ENDED_BADLY.get(call.finish_reason, "")
    return LoggedAnswer(
        text="" if failure else call.response_text,
        latency_s=call.latency_s,
        failure=failure,
        call=_asked(call, earlier),
    )


def _asked(call: Call, earlier: LoggedAnswer | None) -> CloudCall | None:
    """Return how the model was asked, as far as it says more than the answer; None when it does not."""
    before = earlier if earlier is not None and not earlier.failure else None
    temperature = call.request.get("temperature")
    asked = CloudCall(
        temperature=temperature if isinstance(temperature, int | float) else None,
        finish_reason="" if call.finish_reason in ("stop", "unknown") else call.finish_reason,
        repeats=() if before is None else (*(before.call.repeats if before.call else ()), before.text),
    )
    return None if asked == CloudCall() else asked


def _calls(database: Database, task: str, outcome: Outcome | None = "ok") -> Iterator[Call]:
    found = iterate_calls(database, Selection(task=task, outcome=outcome))
    return (call for call in found if PROMPT_TAG in call.tags)
