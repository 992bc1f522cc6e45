"""What the log alone says about its tasks: one profile a task, made without a model and without a network.

An ``Estimate`` whose value is None is unknown, and its note says why. Counts are exact counts of the log.
Shares of calls and means over calls are about the task's traffic, so their intervals are by day where the log
has days enough: calls of one day resemble each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from insource.types.base import Frozen
from insource.types.estimate import Estimate

AnswerForm = Literal["json", "labels", "text", "unknown"]


class PromptVersion(Frozen):
    """One wording of a task's prompt; slots are shown as ⟨…⟩."""

    fingerprint: str
    template: str
    calls: int
    first_seen: datetime
    last_seen: datetime


class LoggedTraffic(Frozen):
    """How many calls there are, and when.

    ``calls`` is the sum of ``answered``, ``errors`` and ``broken_off`` (interrupted or unread). ``trend`` is
    the change of the volume in a month, as a ratio of the mean volume. ``peak_over_mean`` compares the
    busiest hour with the mean hour. ``in_flight`` is the mean number of calls at once in the busiest hour
    (Little 1961: arrivals times latency).
    """

    calls: int
    answered: int
    errors: int
    broken_off: int
    without_text: int
    first_seen: datetime
    last_seen: datetime
    days: float
    models: dict[str, int]
    per_month: Estimate
    trend: Estimate
    peak_over_mean: Estimate
    in_flight: Estimate
    not_answered: Estimate


class LoggedSpending(Frozen):
    """What the task costs now. ``usd`` is the exact sum of the known costs, None when none is known.

    ``unpriced`` counts answered calls without a cost, by reason, ``estimated`` the calls whose tokens, and so
    their cost, Insource estimated. Tokens are means a call, ``input_tokens_p95`` is the 95th percentile.
    ``cached`` is the share of the input tokens that the provider read from its cache, ``batched`` the share
    of calls that were part of a batch.
    """

    usd: Decimal | None
    unpriced: dict[str, int]
    estimated: int
    priced_by: tuple[str, ...]
    per_1000_usd: Estimate
    per_month_usd: Estimate
    trend: Estimate
    input_tokens: Estimate
    input_tokens_p95: Estimate
    output_tokens: Estimate
    cached: Estimate
    batched: Estimate


class Narrowness(Frozen):
    """How narrow and how stable the task is, and whether its answers stand in its documents.

    ``in_three_prompts`` is the share of calls made from the three commonest prompts. ``one_form`` is the
    share of answers that have the commonest set of keys, or are one of the labels. A change is a moment at
    which a prompt, or a key of the answers, appeared or disappeared for good; ``changes`` describes each.
    Rates of change are for a quarter of a year, ``new_values`` for 1,000 answers.
    """

    prompts: tuple[PromptVersion, ...]
    in_three_prompts: Estimate
    answers: AnswerForm
    one_form: Estimate
    prompt_changes: Estimate
    schema_changes: Estimate
    changes: tuple[str, ...]
    new_values: Estimate
    extractive: Estimate
    extractive_by_field: dict[str, Estimate]


class UsableData(Frozen):
    """How much there is to learn from, and how clean it is.

    ``inputs`` counts different inputs with a usable answer, ``corrected_inputs`` those that a person
    corrected. ``labels`` counts inputs by label. ``corrections`` is the share of the answers with feedback
    that a person changed, ``disagreement`` that of repeated answers of one model that differ from its usual
    one, ``contradictions`` that of repeated inputs with more than one answer.
    """

    inputs: int
    corrected_inputs: int
    labels: dict[str, int]
    corrections: Estimate
    rated_down: Estimate
    disagreement: Estimate
    contradictions: Estimate
    left_out: dict[str, int]


class Repetition(Frozen):
    """What a cache would save: at least ``exact``, at most ``near``.

    ``exact`` is the share of calls whose request is equal to an earlier one that was answered, ``near`` the
    share of calls that repeat or nearly repeat an earlier document. ``same_answer`` is the share of the
    latter whose answer was the earlier one. The money is that of the exact repeats.
    """

    exact: Estimate
    near: Estimate
    same_answer: Estimate
    exact_usd_per_month: Estimate


class ConstantPrompt(Frozen):
    """The part of the prompts that is the same in every call: instructions, examples, schema, tools.

    ``share`` is of the input tokens. ``trimming_usd_per_month`` is what those tokens cost,
    ``caching_usd_per_month`` what the provider's cache would take off, where it does not do so yet.
    """

    share: Estimate
    tokens: Estimate
    trimming_usd_per_month: Estimate
    caching_usd_per_month: Estimate


class Leaving(Frozen):
    """What leaves the machine under an option; calls a month."""

    option: str
    what: str
    calls_per_month: Estimate
    sensitive_calls_per_month: Estimate


class Sensitivity(Frozen):
    """Personal data and secrets in the task's documents and answers, as the redactor finds them.

    A mark of an earlier redaction counts like what it replaced. ``by_field`` has the share of calls by place:
    ``document`` and the fields of the answers.
    """

    calls: Estimate
    by_kind: dict[str, Estimate]
    by_field: dict[str, Estimate]
    proposed: Literal["local-only", "cloud-allowed", "unknown"]
    reason: str
    leaves: tuple[Leaving, ...] = ()


class Waiting(Frozen):
    """How long callers wait, in seconds, and how long they may: ``need_s`` for the 95th percentile."""

    p50_s: Estimate
    p95_s: Estimate
    p99_s: Estimate
    first_token_p50_s: Estimate
    streamed: Estimate
    need_s: float | None
    within_need: Estimate


class CheapRung(Frozen):
    """A model that needs no language model, cross-validated on a sample of the logged answers.

    ``quality`` is ``metric`` on rows that the model had not seen. ``judged_by`` says what it was compared
    with: answers of the cloud make it agreement, not accuracy.
    """

    name: str
    metric: str
    quality: Estimate
    rows: int
    judged_by: Literal["cloud answers", "checked answers", "both"]


class LogProfile(Frozen):
    """All that the log says about one task.

    ``tagged`` is true when its calls name the task, false when discovery found it. ``obstacles`` are the
    reasons why discovery does not count it as narrow. ``rungs_note`` says how the rungs were measured, or why
    there are none.
    """

    task: str
    tagged: bool
    obstacles: tuple[str, ...]
    traffic: LoggedTraffic
    spending: LoggedSpending
    narrowness: Narrowness
    data: UsableData
    repetition: Repetition
    constant: ConstantPrompt
    privacy: Sensitivity
    waiting: Waiting
    rungs: tuple[CheapRung, ...]
    rungs_note: str

    def unknown(self) -> dict[str, str]:
        """Return why each unknown figure is unknown, by its dotted name."""
        return {name: one.note or one.method for name, one in self.estimates() if not one.measured}

    def estimates(self) -> Iterator[tuple[str, Estimate]]:
        """Yield every figure with its dotted name: ``spending.per_month_usd``."""
        for name in type(self).model_fields:
            yield from _estimates(name, getattr(self, name))


def _estimates(name: str, value: Any) -> Iterator[tuple[str, Estimate]]:
    if isinstance(value, Estimate):
        yield name, value
    elif isinstance(value, Frozen):
        for field in type(value).model_fields:
            yield from _estimates(f"{name}.{field}", getattr(value, field))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _estimates(f"{name}.{key}", one)
    elif isinstance(value, tuple):
        for place, one in enumerate(value):
            yield from _estimates(f"{name}.{place}", one)


class ProfiledLog(Frozen):
    """The profiles of a log, those that cost most first.

    Every call read is in a profile, ``scattered`` (no task and no common prompt) or ``without_text`` (no task
    and no text in the log). Calls that were simulated, asked for an evaluation, or wrote no text are not read
    and counted in ``passed_over``, by reason. ``usd`` is the sum of the known costs of all calls read.
    """

    profiles: tuple[LogProfile, ...]
    calls: int
    scattered: int
    without_text: int
    passed_over: dict[str, int]
    usd: Decimal | None
    days: float
