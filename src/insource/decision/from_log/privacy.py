"""How much personal data and how many secrets a task's calls hold, and what leaves the machine with them."""

from __future__ import annotations

import re
import secrets as random_bytes
from collections import Counter, defaultdict
from functools import cache

from insource.dataset.checks.row_view import RowView
from insource.decision.from_log.figures import of_trials, product, unknown
from insource.decision.from_log.gathering import NO_TEXT
from insource.decision.from_log.samples import Sample
from insource.redaction.personal import PERSONAL
from insource.redaction.pseudonyms import Pseudonyms
from insource.redaction.redactor import Redactor
from insource.redaction.secrets import SECRETS
from insource.types import Estimate, Row
from insource.types.log_profile import Leaving, Sensitivity

SEARCHED = 500
"""Calls of a task whose texts are searched."""
HIGH = 0.1
"""A task is proposed as local-only when surely more than this share of its calls hold personal data or
secrets: the low end of the interval is above it."""
DOCUMENT = "document"
# What an earlier redaction left: [secret:jwt], [email:kfbhnqdt].
_MARK = re.compile(rf"\[((?:{'|'.join(re.escape(one.name) for one in (*SECRETS, *PERSONAL))}))(?::[\w-]+)?\]")

OPTIONS = (
    ("keep the cloud", "every document and answer, to the provider"),
    ("cache exact repeats", "every document that is new"),
    ("trim the prompt", "every document and answer; fewer instructions"),
    ("cheaper tier", "every document and answer, to the provider"),
    ("decision endpoint", "every document, to the endpoint's provider"),
    ("better prompt or constrained decoding", "every document and answer, to the provider"),
    ("retrieved few-shot", "every document, with earlier documents and answers as examples"),
    ("cascade", "the documents that the local model hands on: their share is measured with the cascade"),
    ("classical", ""),
    ("fine-tune", ""),
)
"""The options of a decision, and what leaves the machine under each; empty where nothing does."""


def sensitivity_of(sample: Sample, per_month: Estimate, repeated: Estimate) -> Sensitivity:
    """Return the density of personal data and secrets, by kind and by field, and the privacy proposed.

    Args:
        per_month: the task's calls a month.
        repeated: the share of exact repeats, which a cache answers.
    """
    rows = sample.rows[:SEARCHED]
    if not rows:
        why = NO_TEXT
        none = unknown(why)
        leaves = _leaves(none, per_month, repeated)
        return Sensitivity(calls=none, by_kind={}, by_field={}, proposed="unknown", reason=why, leaves=leaves)
    kinds: Counter[str] = Counter()
    fields: dict[str, int] = defaultdict(int)
    seen: Counter[str] = Counter()
    holding = 0
    for row in rows:
        found = _by_field(row)
        seen.update(found.keys())
        holding += any(found.values())
        kinds.update({kind for one in found.values() for kind in one})
        for field, one in found.items():
            fields[field] += bool(one)
    calls = of_trials(holding, len(rows), "")
    proposed, reason = _proposed(calls)
    return Sensitivity(
        calls=calls,
        by_kind={kind: of_trials(count, len(rows), "") for kind, count in kinds.most_common()},
        by_field={field: of_trials(fields[field], count, "") for field, count in seen.items()},
        proposed=proposed,
        reason=reason,
        leaves=_leaves(calls, per_month, repeated),
    )


def _by_field(row: Row) -> dict[str, set[str]]:
    """Return the kinds that are found in the document and in each field of the answer."""
    found: dict[str, set[str]] = {DOCUMENT: kinds_in(row.input)}
    for path, value in RowView(row).leaves:
        found.setdefault(path, set()).update(kinds_in(str(value)))
    return found


def kinds_in(text: str) -> set[str]:
    """Return the kinds of personal data and secrets in a text: ``email``, ``jwt``; marks count, too."""
    data = text.encode("utf-8", "replace")
    found = {_kind(one.replacement.decode().strip("[]")) for one in _redactor().findings(data)}
    return found | {_kind(name) for name in _MARK.findall(text)}


def _kind(name: str) -> str:
    first, _, rest = name.partition(":")
    return rest if first == "secret" else first


@cache
def _redactor() -> Redactor:
    """The log's rules, compiled once a process. The names that it draws are thrown away."""
    names = Pseudonyms(random_bytes.token_bytes(32))
    return Redactor((*SECRETS, *PERSONAL), pseudonyms=names, unfinished=())


def _proposed(calls: Estimate) -> tuple[str, str]:
    held = f"{100 * (calls.value or 0):.1f} % of {calls.n} calls hold personal data or secrets"
    if (calls.low or 0) > HIGH:
        return "local-only", f"{held}, surely more than {100 * HIGH:.0f} %"
    if (calls.high or 0) <= HIGH:
        return "cloud-allowed", f"{held}, surely no more than {100 * HIGH:.0f} %"
    return "unknown", f"{held}: the interval holds the limit of {100 * HIGH:.0f} %"


def _leaves(held: Estimate, per_month: Estimate, repeated: Estimate) -> tuple[Leaving, ...]:
    none = Estimate(value=0.0, low=0.0, high=0.0, method="by definition: it runs on this machine")
    found = []
    for option, what in OPTIONS:
        if not what:
            calls = sensitive = none
            what = "nothing"
        elif option == "cascade":
            calls = sensitive = unknown("the share handed on is measured with the cascade")
        else:
            calls = _fewer(per_month, repeated) if option.startswith("cache") else per_month
            sensitive = product(calls, held)
        found.append(
            Leaving(option=option, what=what, calls_per_month=calls, sensitive_calls_per_month=sensitive)
        )
    return tuple(found)


def _fewer(per_month: Estimate, repeated: Estimate) -> Estimate:
    if repeated.value is None:
        return repeated
    low, high = repeated.low, repeated.high
    rest = Estimate(
        value=1 - repeated.value,
        low=None if high is None else 1 - high,
        high=None if low is None else 1 - low,
        n=repeated.n,
        method=repeated.method,
    )
    return product(per_month, rest)
