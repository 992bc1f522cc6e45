"""A simulated cloud model: the right answer with errors at published rates.

It is no evidence about a real model.

It replaces a provider when none is configured, so that the whole loop can run. Output that shows its answers
must label them as simulated, and its latency and price as assumed.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from insource.foundation.errors import ProviderError
from insource.foundation.rng import generator
from insource.models.protocol import ModelInfo, Request
from insource.types import Completion, Frozen

SlotPath = tuple[str, ...]


class ErrorProfile(Frozen):
    """The error rates of simulated answers, as ratios, with their assumed latency and cost.

    ``format_consistency``: share of documents whose answer is schema-valid with canonical values;
    ``hallucination_rate``: share of documents with at least one invented value or key; ``field_accuracy``:
    mean over documents of the share of correct fields.
    """

    name: str
    source: str
    format_consistency: float
    hallucination_rate: float
    field_accuracy: float
    latency_s: float
    cost_usd_per_call: Decimal


PUBLISHED = ErrorProfile(
    name="published-cloud",
    source="published, unverified",
    format_consistency=0.78,
    hallucination_rate=0.12,
    field_accuracy=0.94,
    latency_s=1.2,
    cost_usd_per_call=Decimal("0.03"),
)

# The kinds of format failure. These shares are assumed; the published figures do not give them.
FENCED, PROSE, SURFACE, BROKEN = 0.40, 0.20, 0.35, 0.05
FORMAT_FAILED_WHEN_INVENTING = 0.5
SURFACE_ERRORS_SCORED_WRONG = 0.5  # "three-phase" and "2 years" are wrong values too, "480V" is not
MISSED_SHARE = 0.4

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ([A-Za-z]+)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_CODE = re.compile(r"\b[A-Z]{1,4}[-/.]?\d{3,}\b")
_WEIGHT = re.compile(r"\d+(?:[.,]\d+)? ?(?:kg|lb)\b")


class FakeCloud:
    """A ``Model`` that knows the gold answer of every document and adds errors according to ``profile``.

    ``gold`` maps a document's text (the last user message of a request) to its JSON object. The answer
    depends only on the seed, the document and ``gold``, never on earlier calls. The rates of the profile hold
    in expectation for every single document.
    """

    def __init__(self, gold: Mapping[str, Any], seed: int, profile: ErrorProfile = PUBLISHED) -> None:
        self.profile = profile
        self._gold = gold
        self._seed = seed
        self._usual = _usual_values(gold)

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(name=f"fake/{self.profile.name}", local=False, simulated=True)

    def generate(self, request: Request) -> Completion:
        """Return the answer with errors. The latency is assumed; the call returns immediately.

        Raises:
            ProviderError: ``simulated-document-unknown`` for a document without a gold answer.
        """
        document = next((m.content for m in reversed(request.messages) if m.role == "user"), "")
        if document not in self._gold:
            raise ProviderError(
                "simulated-document-unknown",
                "The simulated cloud has no answer for this document: it knows only those of this run.",
                hint="Send one of the run's documents, or name a real model with --cloud provider/model.",
            )
        text = self._answer(document, copy.deepcopy(self._gold[document]))
        return Completion(text=text, model=self.info.name, latency_s=self.profile.latency_s)

    def _answer(self, document: str, answer: dict[str, Any]) -> str:
        digest = hashlib.sha256(document.encode()).hexdigest()
        rng = generator(self._seed, f"models.fake.{self.profile.name}.{digest}")
        slots = _slots(answer)
        empty = [path for path, value in slots if value is None and self._usual.get(path)]
        inventing = rng.random() < self.profile.hallucination_rate
        failing = rng.random() < self._format_failure(inventing=inventing, can_invent=bool(empty))
        self._spoil_values(rng, document, answer)
        if inventing and empty:
            path = empty[int(rng.integers(len(empty)))]
            _put(answer, path, self._plausible(rng, document, path, None))
        elif inventing:
            answer |= _extra_key(document)
            return _dump(answer)  # the extra key is the format failure
        return _badly_formatted(rng, answer) if failing else _dump(answer)

    def _format_failure(self, *, inventing: bool, can_invent: bool) -> float:
        """P(format failure | inventing).

        Averaged over both cases, it gives the profile's rate for any document.
        """
        rate, invention = 1 - self.profile.format_consistency, self.profile.hallucination_rate
        given_inventing = FORMAT_FAILED_WHEN_INVENTING if can_invent else 1.0
        return given_inventing if inventing else (rate - invention * given_inventing) / (1 - invention)

    def _spoil_values(self, rng: np.random.Generator, document: str, answer: dict[str, Any]) -> None:
        """Drop or replace stated values, so that together with all other errors
        ``field_accuracy`` results.
        """
        slots = _slots(answer)
        stated = [(path, value) for path, value in slots if value is not None]
        failures = 1 - self.profile.format_consistency
        elsewhere = self.profile.hallucination_rate + failures * (
            BROKEN * len(slots) + SURFACE * SURFACE_ERRORS_SCORED_WRONG
        )
        errors = max(0.0, (1 - self.profile.field_accuracy) * len(slots) - elsewhere)
        for path, value in stated:
            if rng.random() >= errors / len(stated):
                continue
            in_list = isinstance(_get(answer, path), list)
            if in_list:
                _put(answer, path, [item for item in _get(answer, path) if item != value] or None)
            elif rng.random() < MISSED_SHARE:
                _put(answer, path, None)
            else:
                _put(answer, path, self._plausible(rng, document, path, value))

    def _plausible(self, rng: np.random.Generator, document: str, path: SlotPath, gold: Any) -> Any:
        """Return another value for a field: one whose number occurs in the document, else a frequent one.

        An identifier loses its last character, or is replaced by another code from the document.
        """
        others = [value for value in self._usual.get(path, ()) if value != gold]
        if _is_identifier(gold):
            return gold[:-1].rstrip("-./")
        if not others:
            return None
        if _is_identifier(others[0]):
            return next(iter(_CODE.findall(document)), others[0])
        numbers = set(_NUMBER.findall(document))
        read = [value for value in others if numbers & set(_NUMBER.findall(str(value)))]
        pool = read if read and rng.random() < 0.7 else others[:8]
        value = pool[int(rng.integers(len(pool)))]
        return copy.deepcopy(value)


def _usual_values(gold: Mapping[str, Any]) -> dict[SlotPath, list[Any]]:
    """Return the non-null values of every path, most frequent first; list items as one-element lists."""
    counts: dict[SlotPath, Counter[str]] = {}
    for answer in gold.values():
        for path, value in _slots(answer):
            if value is not None:
                whole = [value] if isinstance(_get(answer, path), list) else value
                counts.setdefault(path, Counter())[json.dumps(whole)] += 1
    return {
        path: [json.loads(text) for text, _ in sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))]
        for path, counter in counts.items()
    }


def _slots(answer: Mapping[str, Any], prefix: SlotPath = ()) -> list[tuple[SlotPath, Any]]:
    """(path, value) of every leaf; the items of a list share its path."""
    slots: list[tuple[SlotPath, Any]] = []
    for key, value in answer.items():
        path = (*prefix, key)
        if isinstance(value, dict):
            slots += _slots(value, path)
        elif isinstance(value, list):
            slots += [(path, item) for item in value]
        else:
            slots.append((path, value))
    return slots


def _get(answer: Any, path: SlotPath) -> Any:
    for key in path:
        answer = answer[key]
    return answer


def _put(answer: dict[str, Any], path: SlotPath, value: Any) -> None:
    _get(answer, path[:-1])[path[-1]] = value


def _is_identifier(value: Any) -> bool:
    return isinstance(value, str) and not _QUANTITY.fullmatch(value) and sum(map(str.isdigit, value)) > 1


def _dump(answer: Mapping[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _extra_key(document: str) -> dict[str, str]:
    weight = _WEIGHT.search(document)
    return {"weight": weight.group()} if weight else {"manufacturer": document.split()[0]}


def _badly_formatted(rng: np.random.Generator, answer: dict[str, Any]) -> str:
    """Return the answer in a code fence, after prose, in another surface form, or as broken JSON."""
    kind = rng.random()
    if kind < SURFACE:
        restyled = _restyled(rng, answer)
        if restyled is not None:
            return _dump(restyled)
    elif kind < SURFACE + PROSE:
        return f"Here is the extracted specification:\n\n{_dump(answer)}"
    elif kind < SURFACE + PROSE + BROKEN:
        return _dump(answer)[:-1] + ",}"
    return f"```json\n{json.dumps(answer, indent=2, ensure_ascii=False)}\n```"


def _restyled(rng: np.random.Generator, answer: dict[str, Any]) -> dict[str, Any] | None:
    """Return the answer with canonical values written differently, or None when nothing can be rewritten."""
    restyled = copy.deepcopy(answer)
    slots = [(path, value) for path, value in _slots(answer) if not isinstance(_get(answer, path), list)]
    quantities = [(p, v) for p, v in slots if isinstance(v, str) and _QUANTITY.fullmatch(v)]
    others = [(p, new) for p, v in slots if (new := _reworded(p, v)) is not None]
    if quantities and (not others or rng.random() >= SURFACE_ERRORS_SCORED_WRONG):
        for path, value in quantities:
            _put(restyled, path, value.replace(" ", ""))
        return restyled
    if others:
        path, new = others[int(rng.integers(len(others)))]
        _put(restyled, path, new)
        return restyled
    return None


def _reworded(path: SlotPath, value: Any) -> str | None:
    """Write ``2`` years as ``"2 years"`` and ``3-phase`` as ``"three-phase"``; None for other values."""
    if isinstance(value, int) and path[-1].endswith("_years"):
        return f"{value} year{'' if value == 1 else 's'}"
    return (
        {"3-phase": "three-phase", "1-phase": "single-phase"}.get(value) if isinstance(value, str) else None
    )
