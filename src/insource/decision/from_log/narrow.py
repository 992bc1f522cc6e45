"""How narrow and how stable a task is: its prompts, the form of its answers, and what changed when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
from insource.decision.from_log.gathering import NO_PROMPT, NO_TEXT, Gathered, label_in
from insource.foundation.clock import from_microseconds
from insource.types import Estimate, Labels, OutputSpec, Text
from insource.types.log_profile import AnswerForm, Narrowness, PromptVersion

COMMONEST = 3
CHANCE = 0.001
"""A version is new when its absence before its first call has less than this probability."""
MOST_KEYS = 60


class Form(NamedTuple):
    """The kind of the usable answers, and the share of them that have one form."""

    kind: AnswerForm
    share: Estimate


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
    none = unknown(NO_TEXT)
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
        new_values=_new_values(calls),
        extractive=extractive[0],
        extractive_by_field=dict(extractive[1]),
    )


def form_of(calls: Gathered, output: OutputSpec) -> Form:
    """Return what the usable answers are by the task's contract, and how many of them have one form.

    Of objects that is the commonest set of keys, of labels any of the labels.
    """
    usable = calls.columns["usable"] == 1
    if not usable.any():
        return Form("unknown", unknown("no usable answer is recorded"))
    if isinstance(output, Text):
        return Form("text", unknown("the answers are free text"))
    numbers = calls.columns["form"][usable]
    if isinstance(output, Labels):
        names = {label_in(name) for name in output.names}
        chosen = [n for n, form in enumerate(calls.forms) if form[:1] == ("=",) and form[1] in names]
    else:
        counts = np.bincount(numbers, minlength=len(calls.forms))
        objects = [n for n, form in enumerate(calls.forms) if form and form[0] != "="]
        chosen = sorted(objects, key=lambda n: -int(counts[n]))[:1]
    return Form(output.kind, share(np.isin(numbers, chosen), calls.days[usable]))


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
    if not named:
        return unknown(NO_PROMPT, int(read.sum()))
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
    counts = np.bincount(numbers, minlength=len(calls.forms))
    commonest = sorted(having, key=lambda key: (-int(counts[having[key]].sum()), key))[:MOST_KEYS]
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


def _new_values(calls: Gathered) -> Estimate:
    """Return how many values of closed fields were new in 1,000 answers, over the later half of them."""
    fields, answers = calls.closed.names(), calls.closed.answers
    if not fields:
        return unknown("no field of the answers takes few values, each often", answers)
    later = answers - answers // 2
    found = counted(calls.closed.new_in_later_half(), later / 1000, f"in the later {later:,} answers")
    return found.model_copy(update={"note": f"fields with few values: {', '.join(fields[:5])}"})
