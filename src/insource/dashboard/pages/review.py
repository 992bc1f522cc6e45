"""The review page as values for its template: one row, its document and its fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from insource.dashboard.pages.excerpt import Excerpt, excerpt
from insource.dataset.review.agreement import DOCUMENT, Agreement
from insource.dataset.review.fields import AnswerField, same, value_at
from insource.dataset.review.queues import QueueName, scalars
from insource.dataset.review.workbench import QueueProgress, ReviewItem, Workbench
from insource.formats.strict_json import as_object
from insource.foundation.value_names import value_name
from insource.matching.spans import TextSpan
from insource.report.words import visible
from insource.types import Estimate, ReviewDecision

NUMBERED = 9
MAX_CHOICES = 1000
MAX_MISSING = 10


class ChoiceView(NamedTuple):
    """A value that one key chooses. ``place`` is its index among all choices of the field."""

    place: int
    text: str
    current: bool


class FieldView(NamedTuple):
    """One field as text. ``typed`` is the text of the editor; ``said`` has the models' differing answers."""

    pointer: str
    name: str
    value: str | None
    typed: str
    many_lines: bool
    grounding: str
    said: tuple[tuple[str, str], ...]
    choices: tuple[ChoiceView, ...]
    all_choices: tuple[str, ...]
    verdict: str
    after: str | None
    others: tuple[str, ...]


class ReviewView(NamedTuple):
    """The content of the page. ``item`` is None when the queue has no undecided rows.

    Then ``elsewhere`` is another queue that has some, with their number and its address, or None.
    """

    queue: QueueName
    who: str
    progress: QueueProgress
    item: ReviewItem | None
    document: Excerpt | None
    fields: tuple[FieldView, ...]
    agreement: tuple[tuple[str, str, str, str, str, int], ...]
    headline: str
    elsewhere: tuple[QueueName, int, str] | None


def review_url(queue: str, who: str, row: int | None = None) -> str:
    """Return the relative address of the page, which contains its whole state."""
    state = {"queue": queue, "who": who, **({} if row is None else {"row": row})}
    return f"review?{urlencode(state)}"


def review_view(workbench: Workbench, queue: QueueName, who: str, index: int | None) -> ReviewView:
    """Return the page of one reviewer, with the row at ``index`` or without a row."""
    item = None if index is None else workbench.item(queue, who, index)
    document = None if item is None else excerpt(item.row.input, item.fields)
    agreements = workbench.agreement()
    documents = [one for one in agreements if one.field == DOCUMENT]
    return ReviewView(
        queue=queue,
        who=who,
        progress=workbench.progress(queue, who),
        item=item,
        document=document,
        fields=tuple(_field(item, place, document) for place in range(len(item.fields)))
        if item is not None and document is not None
        else (),
        agreement=tuple(map(_agreed, agreements)),
        headline=_headline(documents),
        elsewhere=None if item is not None else _elsewhere(workbench, queue, who),
    )


def _elsewhere(workbench: Workbench, queue: QueueName, who: str) -> tuple[QueueName, int, str] | None:
    other = workbench.elsewhere(queue, who)
    return None if other is None else (*other, review_url(other[0], who))


def _headline(documents: Sequence[Agreement]) -> str:
    """Return κ of the only pair of reviewers, or the number of pairs when there are more."""
    if len(documents) > 1:
        return f"κ of {len(documents)} pairs"
    return "".join(f"κ {kappa(one.kappa)}" for one in documents)


def _agreed(one: Agreement) -> tuple[str, str, str, str, str, int]:
    name, pair = one.field.lstrip("/") or "answer", f"{one.first} · {one.second}"
    return pair, name, ratio(one.agreed), kappa(one.kappa), one.categories, one.kappa.n


def ratio(estimate: Estimate) -> str:
    """Format a ratio as ``92.0 % [80.4, 97.1]``."""
    interval = (
        ""
        if estimate.low is None or estimate.high is None
        else f" [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    )
    return f"{100 * (estimate.value or 0):.1f} %{interval}"


def kappa(estimate: Estimate) -> str:
    """Format κ as ``0.81 [0.62, 0.99]``, or as ``undefined``."""
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def as_text(value: Any) -> str:
    """Return a value as a person types it: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _field(item: ReviewItem, place: int, document: Excerpt) -> FieldView:
    field, mine = item.fields[place], item.mine.get(item.fields[place].pointer)
    empty = field.value in (None, "")
    typed = "" if empty else as_text(field.value)
    if field.value and isinstance(field.value, list | dict):
        typed = json.dumps(field.value, ensure_ascii=False, indent=2)
    if mine is not None and mine.verdict == "edited":
        typed = "" if mine.after is None else as_text(mine.after)
    return FieldView(
        pointer=field.pointer,
        name=visible(field.name),
        value=None if empty else visible(as_text(field.value)),
        typed=typed,
        many_lines="\n" in typed or len(typed) > 80,
        grounding=_grounding(field, item.missing[place], document.found[place]),
        said=_said(item, field),
        choices=_numbered(item, field),
        all_choices=tuple(map(as_text, field.choices[:MAX_CHOICES])) if len(field.choices) > NUMBERED else (),
        verdict="" if mine is None else mine.verdict,
        after=None if mine is None or mine.verdict != "edited" else visible(as_text(mine.after)),
        others=tuple(visible(_decided(one)) for one in item.others.get(field.pointer, ())),
    )


def _decided(decision: ReviewDecision) -> str:
    value = "" if decision.verdict == "rejected" else f": {as_text(decision.after)}"
    return f"{decision.who} {decision.verdict}{value}"


def _grounding(field: AnswerField, missing: Sequence[Any], spans: Sequence[TextSpan] | None) -> str:
    if spans is None or field.choices:
        return ""
    if len(missing) == len(list(scalars(field.value))):
        return "not found in the document"
    if missing:
        return f"not found in the document: {visible(', '.join(map(str, missing[:MAX_MISSING])))}"
    if not spans:
        return "found in the document, in other words"
    tier = spans[0].tier
    return "found in the document" if tier == "exact" else f"found in the document, as {_TIERS[tier]}"


_TIERS = {
    "normalised": "another spelling",
    "number": "a number",
    "date": "a date",
    "quantity": "a quantity",
    "alias": "an alias",
}


def _said(item: ReviewItem, field: AnswerField) -> tuple[tuple[str, str], ...]:
    """Return the models whose answer differs in this field, with their answers."""
    found = []
    for model, output in item.outputs.items():
        answer = as_object(output)
        unreadable = answer is None and field.pointer
        said = value_at(item.row.model_copy(update={"output": output}), field.pointer)
        said = said.strip() if isinstance(said, str) else said
        if unreadable or not same(said, field.value):
            text = "no readable answer" if unreadable else "nothing" if said in (None, "") else as_text(said)
            found.append((visible(model), visible(text)))
    return tuple(found)


def _numbered(item: ReviewItem, field: AnswerField) -> tuple[ChoiceView, ...]:
    """Return up to nine choices with a key: all, or the label, the models' answers and the first others."""
    texts = [as_text(one) for one in field.choices]
    # The number 1 and the text "1" may both be choices.
    named = texts if len(set(texts)) == len(texts) else [value_name(one) for one in field.choices]
    places = list(range(len(texts)))
    if len(texts) > NUMBERED:
        likely = [as_text(field.value), *(text for _, text in _said(item, field))]
        first = [places[texts.index(text)] for text in dict.fromkeys(likely) if text in texts]
        places = list(dict.fromkeys([*first, *places]))[:NUMBERED]
    return tuple(
        ChoiceView(
            place,
            "nothing" if field.choices[place] is None else visible(named[place]),
            same(field.choices[place], field.value),
        )
        for place in places
    )
