"""Statistics of the calls of one template: answers, inputs, cost, times. Memory is bounded."""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from insource.foundation.rng import generator
from insource.logs.discovery.prompts import variable_turns
from insource.logs.discovery.reading import UntaggedCall
from insource.logs.discovery.templates import Template
from insource.matching.grounding import grounding_tier

SAMPLE = 2000
"""Number of sampled calls whose latencies and lengths give the medians."""
GROUNDED_SAMPLE = 40
"""Number of answers whose values are looked up in the prompt."""
EXAMPLES = 5
MAX_LABELS = 200
"""The most distinct short answers, or sets of keys, that are counted separately."""
MAX_LABEL_WORDS, MAX_LABEL_LENGTH = 6, 60
_FENCE = re.compile(r"^```\w*\s*(.*?)\s*```$", re.DOTALL)


class Distinct:
    """Counts distinct texts in bounded memory: exact up to ``size``, estimated beyond.

    Source: the k-minimum-values sketch, Bar-Yossef et al., RANDOM 2002; its relative standard error is about
    1/sqrt(size - 2).
    """

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._smallest: list[int] = []  # negated values, so that the heap's top is the largest kept hash
        self._members: set[int] = set()

    def add(self, text: str) -> None:
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self._put(int.from_bytes(digest, "big"))

    def merge(self, other: Distinct) -> None:
        for value in other._members:
            self._put(value)

    def count(self) -> int:
        if len(self._members) < self._size:
            return len(self._members)
        return round((self._size - 1) * 2**64 / -self._smallest[0])

    def _put(self, value: int) -> None:
        if value in self._members:
            return
        if len(self._members) < self._size:
            heapq.heappush(self._smallest, -value)
        elif value < -self._smallest[0]:
            self._members.discard(-heapq.heapreplace(self._smallest, -value))
        else:
            return
        self._members.add(value)


class Evidence:
    """Totals and samples of the calls of one template, or of several templates of one task."""

    def __init__(self) -> None:
        self.calls = self.errors = self.unpriced = self.answers = self.documents = 0
        self.tools = self.images = self.conversations = 0
        self.cost_nano_usd = 0
        self.first = self.last = 0
        self.keys: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.models: Counter[str] = Counter()
        self.values = self.grounded = self.looked_up = 0
        self.times: list[tuple[float | None, int | None]] = []
        self.inputs = Distinct()
        self.examples: list[str] = []
        self._rng = generator(0, "logs.discovery.times")

    def add(self, record: UntaggedCall, template: Template) -> None:
        """Add one call."""
        prompt = record.prompt
        assert prompt is not None
        self.calls += 1
        self.errors += not record.ok
        if record.cost_nano_usd is None:
            self.unpriced += 1
        else:
            self.cost_nano_usd += record.cost_nano_usd
        self.first = self.first or record.started_at
        self.last = record.started_at
        self.models[record.model] += 1
        self.images += prompt.images
        # Turns in the template are examples; further turns mean a conversation.
        self.conversations += prompt.turns > max(1, variable_turns(" ".join(template.segments)))
        self.tools += bool(prompt.frame.tools) or (not prompt.frame.schema and record.called_tool())
        self._keep_time(record)
        if len(self.examples) < EXAMPLES:
            self.examples.append(record.call_id)
        self.inputs.add(template.variable(prompt.text))
        if record.ok:
            self._answer(record.answer(), prompt.text)

    @property
    def distinct_inputs(self) -> int:
        """The number of distinct slot contents; an estimate above about a thousand."""
        return min(self.calls, self.inputs.count())

    def merge(self, other: Evidence) -> None:
        """Add the evidence of another version of the same task."""
        for name in ("calls", "errors", "unpriced", "answers", "tools", "images", "conversations"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("cost_nano_usd", "documents", "values", "grounded", "looked_up"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first, self.last = min(self.first or other.first, other.first), max(self.last, other.last)
        self.keys.update(other.keys)
        self.labels.update(other.labels)
        self.models.update(other.models)
        self.times += other.times
        self.inputs.merge(other.inputs)
        self.examples = (self.examples + other.examples)[:EXAMPLES]

    def _keep_time(self, record: UntaggedCall) -> None:
        time = (record.latency_s, record.output_tokens)
        if len(self.times) < SAMPLE:
            self.times.append(time)
        elif (place := int(self._rng.integers(self.calls))) < SAMPLE:
            self.times[place] = time

    def _answer(self, answer: str, prompt: str) -> None:
        if not answer.strip():
            return
        self.answers += 1
        document = parsed(answer)
        if isinstance(document, dict | list):
            self.documents += 1
            keys = key_set(document)
            if keys in self.keys or len(self.keys) < MAX_LABELS:
                self.keys[keys] += 1
            if self.looked_up < GROUNDED_SAMPLE:
                self.looked_up += 1
                found = [grounding_tier(value, prompt) is not None for value in leaves(document)]
                self.values += len(found)
                self.grounded += sum(found)
            return
        label = " ".join(answer.split()).strip(" .!\"'`").casefold()
        short = len(label) <= MAX_LABEL_LENGTH and label.count(" ") < MAX_LABEL_WORDS
        if short and (label in self.labels or len(self.labels) < MAX_LABELS):
            self.labels[label] += 1


def parsed(answer: str) -> Any:
    """Return the JSON value of an answer, with or without a code fence; None for other answers."""
    text = answer.strip()
    if text.startswith("```") and (fenced := _FENCE.match(text)):
        text = fenced[1]
    if text[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def key_set(document: dict[str, Any] | list[Any]) -> str:
    """Return the sorted keys of an object; for a list, those of its objects, in brackets."""
    if isinstance(document, dict):
        return ",".join(sorted(map(str, document)))
    names = {str(name) for item in document if isinstance(item, dict) for name in item}
    return f"[{','.join(sorted(names))}]"


def leaves(document: Any) -> Iterator[str | int | float]:
    """Yield the texts and numbers of a document; empty values and booleans are left out."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for item in document:
            yield from leaves(item)
    elif isinstance(document, str | int | float) and not isinstance(document, bool) and document != "":
        yield document
