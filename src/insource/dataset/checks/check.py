"""What every check is: it sees each row once, then says what it found, and can mend it when told to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from insource.dataset.staging import Staged
from insource.types import Dropped, Finding, Fix, Instance, OutputSpec, Row, Severity

SHOWN = 8


class TokenCount:
    """Tokens of one row after the chat template: prompt with document, and answer."""

    __slots__ = ("answer", "prompt")

    def __init__(self, prompt: int, answer: int) -> None:
        self.prompt = prompt
        self.answer = answer


@dataclass(frozen=True)
class Context:
    """What a check may ask for beside the rows.

    ``rows`` is for a second look at rows by their place, once all were seen. ``count_tokens`` is None
    when the tokenizer is not installed. ``max_tokens`` is the longest row that training takes.
    """

    rows: Staged
    output: OutputSpec
    instruction: str = ""
    seed: int = 0
    max_tokens: int = 2048
    count_tokens: Callable[[Row], TokenCount] | None = None


@dataclass
class Hits:
    """The rows a check points at: how many, and the first of them."""

    count: int = 0
    instances: list[Instance] = field(default_factory=list)

    def add(self, row: Row, detail: str) -> None:
        self.count += 1
        if len(self.instances) < SHOWN:
            self.instances.append(Instance(row_id=row.row_id, line=row.line, detail=detail))


class Check:
    """One check. A subclass fills ``hits`` in ``observe`` or at the start of ``finding``.

    ``fixed`` is only called after ``finding``, on the same rows in the same order, and only when a person
    accepted the fix with these ``parameters``. After it, the same check finds nothing it would change.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = "warning"

    def __init__(self, context: Context) -> None:
        self.context = context
        self.hits = Hits()
        self.seen = 0

    def observe(self, index: int, row: Row) -> None:
        """See one row; ``index`` is its place, counted from 0."""
        self.seen += 1

    def finding(self) -> Finding:
        """What was found among the rows observed."""
        raise NotImplementedError

    def fixed(self, index: int, row: Row, parameters: Mapping[str, Any]) -> Row | Dropped:
        """The row mended, as it is, or why it is dropped."""
        return row

    def report(
        self, summary: str, *, fix: Fix | None = None, measures: Mapping[str, Any] | None = None
    ) -> Finding:
        """The finding that ``hits`` amounts to; without a hit it proposes nothing."""
        return Finding(
            check=self.name,
            title=self.title,
            severity=self.severity if self.hits.count else "info",
            count=self.hits.count,
            of=self.seen,
            summary=summary,
            instances=tuple(self.hits.instances),
            fix=fix if self.hits.count else None,
            measures=dict(measures or {}),
        )

    def skip(self, why: str) -> Finding:
        """The finding of a check that could not be made."""
        return Finding(
            check=self.name, title=self.title, severity="info", count=0, of=0, summary=why, skipped=why
        )

    def drop(self, row: Row, detail: str) -> Dropped:
        """The row left out, for the reason that is this check's name."""
        return Dropped(row_id=row.row_id, line=row.line, reason=self.name, detail=detail)
