"""Microsoft Presidio as a further finder: names and places, which have no form a rule could know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from insource.errors import missing_extra

_SCORE = 0.5  # Presidio's confidence, 0 to 1; its own demo uses 0.35 and marks much that is none
_LANGUAGE = "en"


def presidio_finder() -> Callable[[str], Iterator[tuple[int, int, str]]]:
    """What Presidio's default analyzer finds in English text.

    Raises:
        PrerequisiteError: ``missing-extra``.
    """
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError as error:
        raise missing_extra("Presidio", "presidio", "presidio_analyzer") from error
    return finder_of(AnalyzerEngine())


def finder_of(analyzer: Any) -> Callable[[str], Iterator[tuple[int, int, str]]]:
    """The finder of any object with Presidio's ``analyze``."""

    def find(text: str) -> Iterator[tuple[int, int, str]]:
        for result in analyzer.analyze(text=text, language=_LANGUAGE, score_threshold=_SCORE):
            yield result.start, result.end, result.entity_type.lower().replace("_", "-")

    return find
