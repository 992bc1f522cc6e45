"""Find rows in another language than most rows: a second task, unless it is intended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from insource.dataset.checks.check import Check, Context
from insource.dataset.checks.row_view import RowView
from insource.types import Dropped, Finding, Fix, Row

MIN_LETTERS = 20
READ = 2000
CERTAIN = 0.9
"""Probability below which a row counts as of no language: figures and product names have none."""

UNKNOWN = ""
MAIN = 0.8
"""Share of one language below which others are no strays: it is the task that has several."""


class LanguageMix(Check):
    """By py3langid, an identifier of 140 languages by byte n-grams, over the first 2,000 characters."""

    name = "language-mix"
    title = "Several languages"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._languages: Counter[str] = Counter()
        self._others: dict[str, list[tuple[Row, str]]] = {}
        self._given: dict[str, Counter[str]] = {}

    def observe(self, index: int, view: RowView) -> None:
        super().observe(index, view)
        row = view.row
        language = language_of(row.input)
        self._languages[language] += 1
        self._given.setdefault(language, Counter())[row.split or ""] += 1
        kept = self._others.setdefault(language, [])
        if len(kept) < self.hits.shown:
            kept.append((row, f"in {language!r}: {row.input[:60]!r}"))

    def finding(self) -> Finding:
        known = sorted(
            ((language, count) for language, count in self._languages.items() if language != UNKNOWN),
            key=lambda item: (-item[1], item[0]),
        )
        for language, _ in known[1:]:
            for row, detail in self._others[language]:
                self.hits.add(row, detail)
        self.hits.count = sum(count for _, count in known[1:])
        self.hits.given = sum((self._given[language] for language, _ in known[1:]), Counter())
        main = known[0][0] if known else "none"
        shown = ", ".join(f"{language} {count:,}" for language, count in known[:5])
        return self.report(
            f"{len(known)} languages: {shown}" if known else "no text is long enough to tell its language",
            fix=Fix(
                action="drop",
                summary=f"drop the rows that are neither in {main!r} nor unclear; `keep` may list more",
                parameters={"keep": [main]},
            )
            if known and known[0][1] >= MAIN * sum(count for _, count in known)
            else None,
            measures={"rows_by_language": dict(known), "unclear": self._languages[UNKNOWN]},
        )

    def fixed(self, index: int, view: RowView, parameters: Mapping[str, Any]) -> Row | Dropped:
        row = view.row
        language = language_of(row.input)
        if language == UNKNOWN or language in self.kept(parameters):
            return row
        return self.drop(row, f"its language is {language!r}")


def language_of(text: str) -> str:
    """Return the ISO 639-1 code of the language, empty when it is not certain."""
    text = text[:READ]
    if sum(map(str.isalpha, text)) < MIN_LETTERS:
        return UNKNOWN
    language, probability = _identifier().classify(text)
    return str(language) if probability >= CERTAIN else UNKNOWN


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # its model takes half a second to read

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
