"""Infer the output contract from examples in one reading: labels, a JSON Schema, or free text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from insource.contract.field_evidence import FieldEvidence, ObservedField
from insource.formats.strict_json import as_object
from insource.types import JsonSchema, Labels, OutputSpec, Text

MAX_LABELS = 1000
MAX_LABEL_LENGTH = 100


class Inference:
    """What is known of the answers observed so far; memory does not grow with their number.

    Objects (or text that spells them) when they are the majority; else labels when the texts are short,
    on one line, at most 1,000 different ones, and each stands twice on average; else free text.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._root = ObservedField()
        self._texts = 0
        self._names: Counter[str] | None = Counter()  # None when there are more than MAX_LABELS
        self._short = True

    @classmethod
    def of(cls, outputs: Iterable[str | dict[str, Any]]) -> Inference:
        inference = cls()
        for output in outputs:
            inference.observe(output)
        return inference

    def observe(self, output: str | dict[str, Any]) -> None:
        self.seen += 1
        if (found := as_object(output)) is not None:
            self._root.observe(found)
        else:
            self._observe_text(str(output).strip())

    def _observe_text(self, text: str) -> None:
        self._texts += 1
        self._short = self._short and len(text) <= MAX_LABEL_LENGTH and "\n" not in text
        if not self._short:
            self._names = None
        if self._names is not None:
            self._names[text] += 1
            if len(self._names) > MAX_LABELS:
                self._names = None

    @property
    def objects(self) -> int:
        """How many answers are objects, or spell one."""
        return self._root.types.total()

    @property
    def output(self) -> OutputSpec:
        """The contract that these answers come to."""
        if 2 * self.objects >= self.seen:
            return JsonSchema(definition=self._root.schema(), inferred=True)
        if self._names is not None and 2 * len(self._names) <= self._texts:
            return Labels(names=tuple(sorted(self._names)), inferred=True)
        return Text()

    @property
    def labels(self) -> dict[str, int]:
        """How often each label was seen; empty when the answers are no labels."""
        names = self._names if isinstance(self.output, Labels) else None
        return dict(sorted((names or {}).items()))

    def evidence(self) -> tuple[FieldEvidence, ...]:
        """Return a line a field, in the order of the schema; none when the answers are no objects."""
        return tuple(self._root.evidence()) if isinstance(self.output, JsonSchema) else ()

    def notes(self) -> tuple[str, ...]:
        """Return what a person should know before the contract is taken for granted."""
        output = self.output
        if isinstance(output, Labels) and len(output.names) == 1:
            return (f"Every answer is {output.names[0]!r}: one class, so there is nothing to learn.",)
        if isinstance(output, Text) and self._short and self._names is None:
            return (
                f"More than {MAX_LABELS:,} different short answers: taken as free text, which only exact "
                "match can judge. If they are classes, list them in `[task] labels`.",
            )
        return ()


def infer_output(outputs: Iterable[str | dict[str, Any]]) -> OutputSpec:
    """Return the output contract of these answers, as ``Inference`` has it."""
    return Inference.of(outputs).output


def infer_schema(values: Iterable[Any]) -> dict[str, Any]:
    """Return the closed JSON Schema that all ``values`` fit, properties in their usual order.

    A property is required when it is in every object of its level; any other may also be null, which
    says the same as leaving it out and is how many models say it. Text becomes an ``enum`` of at
    most 50 values when each was seen three times and the average one twenty times: with no value
    seen only once, Good and Turing (Good 1953) put the chance of a new one near zero. Text of one shape
    becomes a ``pattern``, ISO dates ``format: date``.
    """
    root = ObservedField()
    for value in values:
        root.observe(value)
    return root.schema()
