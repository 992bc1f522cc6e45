"""How narrow and how stable a task is: its prompts, the form of its answers, and what changed when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insource.decision.from_log.figures import (
    DAY_US,
    Integers,
    Span,
    counted,
    per_quarter,
    share,
    unknown,
)
from insource.decision.from_log.gathering import Gathered
from insource.foundation.clock import from_microseconds
from insource.types import Estimate
from insource.types.log_profile import AnswerForm, Narrowness, PromptVersion

COMMONEST = 3
CHANCE = 0.001
"""A version is new when its absence before its first call has less than this probability."""
DOMINANT, PER_LABEL = 0.8, 4
"""The answers are of a form when this share is; they are labels when each occurs so often on average."""
MOST_KEYS = 60


class Form(NamedTuple):
    """What the usable answers are: their kind, which of them have it, and how many."""

    kind: AnswerForm
    share: Estimate
    labels: Counter[str]


class Change(NamedTuple):
    at: int
    what: str


def narrowness_of(
    calls: Gathered, form: Form, span: Span, extractive: tuple[Estimate, Mapping[str, Estimate]]
) -> Narrowness:
    """Return the prompts, the changes, and the share of answers that stand in their documents."""
    read = calls.columns["place"] >= 0
    prompts = _prompt_changes(calls)
    keys = _key_changes(calls, form)
    none = unknown("the log has no text of these calls")
    return Narrowness(
        prompts=_versions(calls),
        in_three_prompts=_covered(calls, read) if read.any() else none,
        answers=form.kind,
        one_form=form.share,
        prompt_changes=per_quarter(len(_moments(prompts)), span) if read.any() else none,
        schema_changes=per_quarter(len(_moments(keys)), span)
        if form.kind == "json"
        else unknown("the answers are no JSON objects"),
        changes=tuple(
            f"{from_microseconds(one.at):%Y-%m-%d}: {one.what}" for one in sorted([*prompts, *keys])
        ),
        new_values=_new_values(calls, form),
        extractive=extractive[0],
        extractive_by_field=dict(extractive[1]),
    )


def form_of(calls: Gathered) -> Form:
    """Return what the usable answers are."""
    usable = calls.columns["usable"] == 1
    if not usable.any():
        return Form("unknown", unknown("no usable answer is recorded"), Counter())
    forms = calls.columns["form"][usable]
    counts = Counter({calls.forms[one]: count for one, count in Counter(forms.tolist()).items()})
    labels = Counter({form[1]: count for form, count in counts.items() if form[:1] == ("=",)})
    documents = Counter({form: n for form, n in counts.items() if form and form[0] != "="})
    total, days = counts.total(), calls.days[usable]

    def of(chosen: Iterable[tuple[str, ...]]) -> Estimate:
        numbers = [calls.forms.index(form) for form in chosen]
        return share(np.isin(forms, numbers), days)

    if documents.total() >= DOMINANT * total:
        return Form("json", of([documents.most_common(1)[0][0]]), Counter())
    if labels.total() >= DOMINANT * total and PER_LABEL * len(labels) <= labels.total():
        return Form("labels", of([("=", label) for label in labels]), labels)
    return Form("text", unknown("the answers are free text"), Counter())


def _versions(calls: Gathered) -> tuple[PromptVersion, ...]:
    started, prompt = calls.columns["started"], calls.columns["prompt"]
    found = []
    for number, template in enumerate(calls.prompts):
        if template is not None:
            when = started[prompt == number]
            found.append(
                PromptVersion(
                    fingerprint=template.fingerprint,
                    template=str(template),
                    calls=len(when),
                    first_seen=from_microseconds(int(when[0])),
                    last_seen=from_microseconds(int(when[-1])),
                )
            )
    return tuple(sorted(found, key=lambda one: (-one.calls, one.fingerprint)))


def _covered(calls: Gathered, read: NDArray[np.bool_]) -> Estimate:
    named = [number for number, template in enumerate(calls.prompts) if template is not None]
    counts = Counter(calls.columns["prompt"][read].tolist())
    commonest = sorted(named, key=lambda number: -counts[number])[:COMMONEST]
    return share(np.isin(calls.columns["prompt"][read], commonest), calls.days[read])


def _prompt_changes(calls: Gathered) -> list[Change]:
    read = calls.columns["place"] >= 0
    numbers, when = calls.columns["prompt"][read], calls.columns["started"][read]
    found = []
    for number, template in enumerate(calls.prompts):
        if template is not None:
            name = f"prompt {template.fingerprint}"
            found += _comings_and_goings(np.flatnonzero(numbers == number), when, name)
    return found


def _key_changes(calls: Gathered, form: Form) -> list[Change]:
    """Return when keys of the answers appeared and disappeared."""
    if form.kind != "json":
        return []
    usable = calls.columns["usable"] == 1
    numbers, when = calls.columns["form"][usable], calls.columns["started"][usable]
    having: dict[str, list[int]] = {}
    for number, keys in enumerate(calls.forms):
        for key in keys if keys[:1] != ("=",) else ():
            having.setdefault(key, []).append(number)
    commonest = sorted(having, key=lambda key: (-int(np.isin(numbers, having[key]).sum()), key))[:MOST_KEYS]
    found = []
    for key in commonest:
        found += _comings_and_goings(np.flatnonzero(np.isin(numbers, having[key])), when, f"key {key}")
    return found


def _comings_and_goings(at: Integers, when: Integers, name: str) -> list[Change]:
    """Return when a version appeared and disappeared, as far as chance does not explain it.

    ``at`` are the places of its calls among all, whose times are ``when``. With the share that it has from
    its first to its last call, it would have been absent before, or after, with less than ``CHANCE``.
    """
    if not len(at):
        return []
    total, first, last = len(when), int(at[0]), int(at[-1])
    rate = len(at) / (last - first + 1)
    found = []
    if first and (1 - rate) ** first < CHANCE:
        found.append(Change(int(when[first]), f"{name} appeared"))
    if last < total - 1 and (1 - rate) ** (total - 1 - last) < CHANCE:
        found.append(Change(int(when[last]), f"{name} was last seen"))
    return found


def _moments(changes: Sequence[Change]) -> list[int]:
    """Return the moments of change: those within a day of the one before are one."""
    found: list[int] = []
    previous = -DAY_US
    for at in sorted(one.at for one in changes):
        if at - previous > DAY_US:
            found.append(at)
        previous = at
    return found


def _new_values(calls: Gathered, form: Form) -> Estimate:
    """Return how many labels of 1,000 answers were never seen before, over the later half of the answers."""
    if form.kind != "labels":
        return unknown("the answers are no labels")
    usable = calls.columns["usable"] == 1
    numbers = calls.columns["form"][usable]
    labels = [number for number, one in enumerate(calls.forms) if one[:1] == ("=",)]
    half = len(numbers) // 2
    if not half:
        return unknown("too few answers")
    later = set(numbers[half:].tolist()) - set(numbers[:half].tolist())
    new = len(later & set(labels))
    return counted(
        new, (len(numbers) - half) / 1000, f"new labels in the later {len(numbers) - half:,} answers"
    )
