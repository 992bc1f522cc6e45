"""Ask a cloud model about every document once, record the calls, and read the answers back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from insource.config.log import OwnPrice
from insource.foundation.canonical import digest
from insource.foundation.errors import ProviderError
from insource.logs.recorder import RecordedModel, Recorder
from insource.models.protocol import Model, Request
from insource.providers.prices import PriceTable
from insource.store.calls.paging import iterate_calls
from insource.store.calls.selection import Selection
from insource.store.database import Database
from insource.types import Call, CloudCall, Example, LoggedAnswer

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
    """Ask the model about every document whose prompt it has not answered yet; return the number of refusals.

    ``confirm`` receives the documents that would be asked, and raises to stop before the first request. A
    document that the provider refuses is recorded with its error and has no answer.

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
    done, refused = len(examples) - len(pending), 0
    for example in pending:
        request = ask(example)
        tagged = recorded.tagged(**{ROW_TAG: example.row_id, PROMPT_TAG: _prompt(request)})
        try:
            tagged.generate(request)
        except ProviderError as error:
            if error.code != "document-refused":
                raise
            refused += 1
        done += 1
        if done % FLUSH_EVERY == 0:
            recorder.flush()
        progress(done, len(examples))
    recorder.flush()
    return refused


def logged(database: Database, examples: Iterable[Example], ask: Ask, *, task: str) -> Logged:
    """Return the answers in the log to the exact prompts of these documents, from every model.

    An answer to a prompt with another instruction or schema is left out.
    """
    known: dict[str, dict[str, LoggedAnswer]] = {}
    simulated: dict[str, set[str]] = {}
    for call in _calls(database, task):
        prompt = call.tags[PROMPT_TAG]
        given = known.setdefault(prompt, {})
        given[call.model_asked] = _answer(call, given.get(call.model_asked))
        if call.simulated:
            simulated.setdefault(prompt, set()).add(call.model_asked)
    answers, spoken = {}, set()
    for example in examples if known else ():
        if (prompt := _prompt(ask(example))) in known:
            answers[example.row_id] = known[prompt]
            spoken |= simulated.get(prompt, set())
    return Logged(answers, frozenset(spoken))


def _answer(call: Call, earlier: LoggedAnswer | None) -> LoggedAnswer:
    """Return the answer with what else is known of its call, and the earlier answers to the same prompt."""
    repeats = () if earlier is None else (*(earlier.call.repeats if earlier.call else ()), earlier.text)
    temperature = call.request.get("temperature")
    asked = CloudCall(
        temperature=temperature if isinstance(temperature, int | float) else None,
        finish_reason="" if call.finish_reason in ("stop", "unknown") else call.finish_reason,
        repeats=repeats,
    )
    return LoggedAnswer(
        text=call.response_text, latency_s=call.latency_s, call=None if asked == CloudCall() else asked
    )


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


def _calls(database: Database, task: str) -> Iterator[Call]:
    found = iterate_calls(database, Selection(task=task, outcome="ok"))
    return (call for call in found if PROMPT_TAG in call.tags)
