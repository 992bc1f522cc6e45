"""Find several prompts, prompt versions or models in one set: their answers are to other questions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.row_view import RowView
from insource.types import Dropped, Finding, Fix, Row

MAX_KINDS = 1000
"""Prompts told apart; when there are more, each row brings its own, and they say nothing about the set."""

_VARIABLE = re.compile(r"\d+")


class MixedPrompts(Check):
    """Tells prompts apart by their words, without white space and figures.

    Models count where a model answered, not where people did.
    """

    name = "mixed-prompts"
    title = "Several prompts or models"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._kinds: Counter[str] = Counter()
        self._first: dict[str, int] = {}
        self._given: dict[str, Counter[str]] = {}
        self._unlike = 0

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        kind = kind_of(row)
        if kind not in self._kinds and len(self._kinds) >= MAX_KINDS:
            self._unlike += 1
            return
        self._kinds[kind] += 1
        self._given.setdefault(kind, Counter())[row.split or ""] += 1
        self._first.setdefault(kind, index)

    def finding(self) -> Finding:
        if self._unlike:
            return self.skip(f"more than {MAX_KINDS:,} different prompts: each row brings its own")
        ranked = sorted(self._kinds.items(), key=lambda kind: (-kind[1], kind[0]))
        for kind, count in ranked[1:9]:
            self.hits.add(self.context.rows[self._first[kind]], f"{kind}: {count:,} rows")
        self.hits.count = sum(count for _, count in ranked[1:])
        self.hits.given = sum((self._given[kind] for kind, _ in ranked[1:]), Counter())
        if len(ranked) < 2:
            return self.report("one prompt, one version, one model")
        main, most = ranked[0]
        return self.report(
            f"{len(ranked):,} kinds of prompt and model; {most:,} rows are {main}",
            fix=Fix(
                action="drop",
                summary=f"keep the {most:,} rows of the commonest kind, drop the rest; `keep` may list more",
                parameters={"keep": [main]},
            ),
            measures={"rows_by_kind": dict(ranked[:50])},
        )

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        kind = kind_of(row)
        return row if kind in self.kept(parameters) else self.drop(row, f"its prompt and model are {kind}")


def kind_of(row: Row) -> str:
    """Return what a row was asked by, in words: prompt, version and model, as far as they are known."""
    origin = row.provenance
    words = " ".join(_VARIABLE.sub("#", row.prompt).casefold().split())
    parts = [f"prompt {blake2b(words.encode(), digest_size=4).hexdigest()}" if words else ""]
    parts.append(f"version {origin.prompt_version}" if origin.prompt_version else "")
    parts.append(f"model {origin.model}" if origin.model and origin.label == "teacher" else "")
    return ", ".join(part for part in parts if part) or "no prompt or model named"
