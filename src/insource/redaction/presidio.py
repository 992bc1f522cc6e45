"""Microsoft Presidio as an additional finder, for names and places, which have no form that a rule can match.

By default Presidio downloads what is missing: a language model when it starts, and the list of internet
domains when it sees an e-mail address. Here it uses only what is installed, and reports what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from insource.foundation.errors import PrerequisiteError, missing_extra

_SCORE = 0.5  # Presidio's confidence, 0 to 1; its own demo uses 0.35, which gives many false positives
_LANGUAGE = "en"
_MODELS = ("en_core_web_trf", "en_core_web_lg", "en_core_web_md", "en_core_web_sm")  # spaCy's, best first


def presidio_finder() -> Callable[[str], Iterator[tuple[int, int, str]]]:
    """Return a finder for English text that uses the best installed spaCy model.

    Raises:
        PrerequisiteError: ``missing-extra``, ``presidio-model-missing``.
    """
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError as error:
        raise missing_extra("Presidio", "presidio", "presidio_analyzer") from error
    stay_offline()
    model = next((name for name in _MODELS if spacy.util.is_package(name)), None)
    if model is None:
        raise PrerequisiteError(
            "presidio-model-missing",
            "Presidio needs a spaCy language model for English, and none is installed.",
            hint=f"Install one: python -m spacy download {_MODELS[1]}",
        )
    engine = SpacyNlpEngine(models=[{"lang_code": _LANGUAGE, "model_name": model}])
    return finder_of(AnalyzerEngine(nlp_engine=engine, supported_languages=[_LANGUAGE]))


def stay_offline() -> None:
    """Make Presidio use the list of domains that is bundled with its library."""
    import tldextract

    tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls = ()


def finder_of(analyzer: Any) -> Callable[[str], Iterator[tuple[int, int, str]]]:
    """Return a finder that calls ``analyze`` of a Presidio analyzer."""

    def find(text: str) -> Iterator[tuple[int, int, str]]:
        for result in analyzer.analyze(text=text, language=_LANGUAGE, score_threshold=_SCORE):
            yield result.start, result.end, result.entity_type.lower().replace("_", "-")

    return find
