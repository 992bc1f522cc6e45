"""Confidence of a local answer, from the log-probabilities of its tokens and of the alternatives.

The log-probabilities are raw, from before the grammar. Each token must therefore be compared with what the
grammar allowed at its position. The answer's tokens are replayed through the grammar; forced tokens carry no
information and are left out, and each other token gets p̂ = p(token) / p(all allowed candidates).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from insource.contract.grammar import JSON_GRAMMAR
from insource.foundation.errors import DataError
from insource.routing.json_spans import Span, json_spans
from insource.routing.tokens.evidence import evidence_of
from insource.routing.tokens.replay import Decision, replayed
from insource.types import Completion, Example, JsonSchema, OutputSpec

# The number of candidates that the local model returns for each token. Calibration and gateway must ask for
# the same number, or their confidences cannot be compared.
TOP_LOGPROBS = 20


@lru_cache(maxsize=4)
def load_tokenizer(tokenizer_json: Path) -> Any:
    """Return the ``llguidance.LLTokenizer`` of a Hugging Face ``tokenizer.json``; cached, loading takes a
    second.

    Raises:
        DataError: ``tokenizer-unreadable``.
    """
    from llguidance import LLTokenizer

    try:
        return LLTokenizer(tokenizer_json.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            "tokenizer-unreadable",
            f"The tokenizer {tokenizer_json} cannot be read: {error}",
            hint="Export the model again: insource export",
        ) from error


def confidence_scorer(
    tokenizer_json: Path, grammar_for: Callable[[Example], str | None], output: OutputSpec
) -> Callable[[Example, Completion], float | None]:
    """Return ``document_confidence`` as a function of an example and its answer, for an evaluation.

    The tokenizer is loaded at the first answer. Raises as ``load_tokenizer`` and ``document_confidence``.
    """

    def score(example: Example, completion: Completion) -> float | None:
        return document_confidence(completion, grammar_for(example), load_tokenizer(tokenizer_json), output)

    return score


def document_confidence(
    completion: Completion, grammar: str | None, tokenizer: Any | None, output: OutputSpec | None = None
) -> float | None:
    """Return the confidence of ``judged``."""
    return judged(completion, grammar, tokenizer, output).confidence


def judged(
    completion: Completion, grammar: str | None, tokenizer: Any | None, output: OutputSpec | None = None
) -> Completion:
    """Return an answer with how sure its tokens are; what it states of itself already stays as it is.

    ``confidence`` is uncalibrated, between 0 and 1, that the whole answer is right, or None if unknown.
    For JSON, it is the product of ``field_confidences``, which are then stated too: a document is right only
    when all its fields are, so ten doubtful fields must count more than one, which a minimum cannot express.
    For other text, it is the minimum over the tokens. ``field_evidence`` has what else the tokens say; that
    of a text stands under the empty path. It is 0 for a truncated answer, and for one that is not
    JSON although the grammar requires it. It is None when log-probabilities are missing (llama.cpp omits them
    for speculated tokens); missing never means certain.

    ``grammar`` is the grammar that constrained the engine, or None. ``tokenizer`` is the ``LLTokenizer`` of
    the model that answered, required with a grammar. The tokens of reasoning that ``output`` declares do not
    count: they are no part of the answer.

    Raises:
        IntegrityError: ``tokenizer-mismatch`` when the tokens are not those of ``tokenizer``.
    """
    if completion.confidence is not None:
        return completion
    if (
        completion.finish_reason == "length"
    ):  # an answer without its end is wrong, however sure its tokens are
        return completion.model_copy(update={"confidence": 0.0})
    try:
        decisions = field_decisions(completion, grammar, tokenizer, output)
    except ValueError:
        return _judged_text(completion, grammar, tokenizer)
    if decisions is None:
        return completion
    fields = _least(decisions)
    return completion.model_copy(
        update={
            # An empty answer of a free model has no field whose doubt was measured.
            "confidence": math.prod(fields.values()) if fields or grammar is not None else None,
            # A text that is one JSON value, such as a number, has no field but itself.
            "field_confidences": {path: sure for path, sure in fields.items() if path},
            "field_evidence": evidence_of(decisions),
        }
    )


def _judged_text(completion: Completion, grammar: str | None, tokenizer: Any | None) -> Completion:
    if grammar is not None and JSON_GRAMMAR in grammar:
        return completion.model_copy(update={"confidence": 0.0})
    found = replayed(completion.tokens, grammar, tokenizer)
    if found is None:
        return completion
    decisions = [one for one in found if one is not None]
    # No token had an alternative: the grammar allowed this one answer, so the default is 1.
    sure = min((one.sure for one in decisions), default=1.0)
    return completion.model_copy(update={"confidence": sure, "field_evidence": evidence_of({"": decisions})})


def field_confidences(
    completion: Completion, grammar: str | None, tokenizer: Any | None, output: OutputSpec | None = None
) -> dict[str, float] | None:
    """Return, by path, the minimum p̂ over the deciding tokens of each field; None if unknown.

    The minimum is used because the tokens of one value depend on each other: the first decides, the rest
    follow. A token belongs to the first value that shares a byte with it, quotes included, because an opening
    quote decides against ``null``. With a grammar, structural tokens that had alternatives, such as the comma
    that extends a list, count for their object or list; without one they are ignored. A field whose tokens
    were all forced has confidence 1. What stands before the end of declared reasoning is left out.

    Raises:
        ValueError: the answer is not JSON.
        IntegrityError: as ``document_confidence``.
    """
    decisions = field_decisions(completion, grammar, tokenizer, output)
    return None if decisions is None else _least(decisions)


def _least(decisions: Mapping[str, Sequence[Decision]]) -> dict[str, float]:
    return {path: min((one.sure for one in found), default=1.0) for path, found in decisions.items()}


def field_decisions(
    completion: Completion, grammar: str | None, tokenizer: Any | None, output: OutputSpec | None = None
) -> dict[str, list[Decision]] | None:
    """Return, by path, what the deciding tokens of each field say, as ``field_confidences``."""
    text = completion.text.encode()
    spans = json_spans(text)
    found = replayed(completion.tokens, grammar, tokenizer)
    start = b"".join(token.bytes for token in completion.tokens).find(text)
    if found is None or start < 0:
        return None
    reasoning = output.reasoning.name if isinstance(output, JsonSchema) and output.reasoning else None
    answered = next((span.end for span in spans if span.path == reasoning), 0)
    spans = [span for span in spans if span.path != reasoning]
    fields: dict[str, list[Decision]] = {span.path: [] for span in spans if span.leaf}
    at = -start  # offsets count from the first byte of the text; tokens before it have negative ones
    for token, decision in zip(completion.tokens, found, strict=True):
        begin, at = at, at + len(token.bytes)
        owner = _owner(spans, begin, at) if begin >= answered else None
        if decision is None or owner is None or (grammar is None and not owner.leaf):
            continue
        fields.setdefault(owner.path, []).append(decision)
    return fields


def _owner(spans: list[Span], begin: int, end: int) -> Span | None:
    """Return the first leaf that shares a byte with a token, else the innermost container
    around its start.
    """
    for span in spans:
        if span.leaf and span.start < end and begin < span.end:
            return span
    around = [span for span in spans if not span.leaf and span.start <= begin < span.end]
    return min(around, key=lambda span: span.end - span.start, default=None)
