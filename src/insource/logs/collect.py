"""Asking a cloud model about every document once, on the record: the first turn of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from insource.errors import ProviderError
from insource.logs.recorder import RecordedModel, Recorder
from insource.models.protocol import Model, Request
from insource.store.calls import find_calls
from insource.types import Example

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
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, str]:
    """The model's answer to each example by row id, from the log where it is there, else asked now.

    A call that failed is on record with its error and simply has no answer here.
    """
    logged = answers(recorder, task=task, model=model.info.name)
    recorded = RecordedModel(model, recorder, task)
    found: dict[str, str] = {}
    for index, example in enumerate(examples):
        text = logged.get(example.digest)
        if text is None:
            try:
                tagged = recorded.tagged(**{ROW_TAG: example.row_id, DIGEST_TAG: example.digest})
                text = tagged.generate(ask(example)).text
            except ProviderError as error:
                if error.code != "provider-refused":
                    raise
        if text is not None:
            found[example.row_id] = text
        if index % FLUSH_EVERY == 0:
            recorder.flush()
        progress(index + 1, len(examples))
    recorder.flush()
    return found


def answers(recorder: Recorder, *, task: str, model: str) -> dict[str, str]:
    """Logged complete answers of a model by the digest of the example they answer."""
    recorder.flush()
    calls = find_calls(recorder.database, task=task, model=model, limit=None)
    return {
        call.tags[DIGEST_TAG]: call.response_text
        for call in calls
        if call.outcome == "ok" and DIGEST_TAG in call.tags
    }
