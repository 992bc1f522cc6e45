"""Confidence of a local answer, from the log-probabilities of its tokens and of the alternatives.

The log-probabilities are raw, from before the grammar. Each token must therefore be compared with what the
grammar allowed at its position. The answer's tokens are replayed through the grammar; forced tokens carry no
information and are left out, and each other token gets p̂ = p(token) / p(all allowed candidates).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from insource.contract.grammar import JSON_GRAMMAR
from insource.foundation.errors import DataError, IntegrityError
from insource.routing.json_spans import Span, json_spans
from insource.types import Completion, Example, JsonSchema, OutputSpec, TokenLogprob

# When the allowed candidates together are less probable than this, the model wanted a token that the grammar
# forbids. Its preference among the others is then no evidence, and p̂ is 0.
TINY_MASS = 0.01
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
    For other text, it is the minimum over the tokens. It is 0 for a truncated answer, and for one that is not
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
        fields = field_confidences(completion, grammar, tokenizer, output)
    except ValueError:
        sure = _text_confidence(completion, grammar, tokenizer)
        return completion.model_copy(update={"confidence": sure})
    if fields is None:
        return completion
    # A text that is one JSON value, such as a number, has no field but itself.
    named = {path: sure for path, sure in fields.items() if path}
    return completion.model_copy(
        update={"confidence": math.prod(fields.values()), "field_confidences": named}
    )


def _text_confidence(completion: Completion, grammar: str | None, tokenizer: Any | None) -> float | None:
    if grammar is not None and JSON_GRAMMAR in grammar:
        return 0.0
    certainties = _certainties(completion, grammar, tokenizer)
    # No token had an alternative: the grammar allowed this one answer, so the default is 1.
    return None if certainties is None else min((p for p in certainties if p is not None), default=1.0)


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
    text = completion.text.encode()
    spans = json_spans(text)
    certainties = _certainties(completion, grammar, tokenizer)
    start = b"".join(token.bytes for token in completion.tokens).find(text)
    if certainties is None or start < 0:
        return None
    reasoning = output.reasoning.name if isinstance(output, JsonSchema) and output.reasoning else None
    answered = next((span.end for span in spans if span.path == reasoning), 0)
    spans = [span for span in spans if span.path != reasoning]
    fields = {span.path: 1.0 for span in spans if span.leaf}
    at = -start  # offsets count from the first byte of the text; tokens before it have negative ones
    for token, certainty in zip(completion.tokens, certainties, strict=True):
        begin, at = at, at + len(token.bytes)
        owner = _owner(spans, begin, at) if begin >= answered else None
        if certainty is None or owner is None or (grammar is None and not owner.leaf):
            continue
        fields[owner.path] = min(certainty, fields.get(owner.path, 1.0))
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


def _certainties(
    completion: Completion, grammar: str | None, tokenizer: Any | None
) -> list[float | None] | None:
    """Return p̂ of every token, None for a token that decided nothing; None overall when candidates are
    missing.
    """
    tokens = completion.tokens
    if not any(token.bytes for token in tokens) or any(not token.top for token in tokens):
        return None
    if grammar is None:
        return [_probability(token) if token.bytes else None for token in tokens]
    if tokenizer is None:
        return None
    return list(_replayed(tokens, grammar, tokenizer))


def _replayed(tokens: tuple[TokenLogprob, ...], grammar: str, tokenizer: Any) -> Iterator[float | None]:
    """Yield p̂ under the grammar; 0 from where the answer leaves it, as an unconstrained answer may."""
    from llguidance import LLMatcher
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    matcher = LLMatcher(tokenizer, grammar, log_level=0)
    mask = allocate_token_bitmask(1, tokenizer.vocab_size)
    for token in tokens:
        if not token.bytes:  # the end marker
            yield None
            continue
        _check(token, tokenizer)
        # Where the grammar dictates the next bytes, the model has no choice: its probability means nothing.
        forced = bool(matcher.compute_ff_bytes().startswith(token.bytes))
        if not forced:
            fill_next_token_bitmask(matcher, mask)  # before the token is consumed: the mask of its own place
        if not matcher.consume_token(token.id):
            yield 0.0
        # One bit a token, in words of 32. The view is unsigned, because bitwise_count counts the bits of the
        # absolute value. A single bit is a forced token, too, though several byte strings would be allowed.
        elif forced or int(np.bitwise_count(mask.view(np.uint32)).sum()) == 1:
            yield None
        else:
            yield _among_allowed(token, mask[0])


def _among_allowed(token: TokenLogprob, mask: Any) -> float:
    """Return p / max(mass, p), where mass is the total probability of the top candidates the
    grammar allows.
    """
    own = _probability(token)
    mass = sum(
        math.exp(logprob)
        for candidate, logprob in token.top
        if int(mask[candidate // 32]) >> candidate % 32 & 1
    )
    # The chosen token need not be among the likeliest candidates; p̂ must not exceed 1.
    mass = max(mass, own)
    return own / mass if mass >= TINY_MASS else 0.0


def _probability(token: TokenLogprob) -> float:
    # Single precision can round a log-probability to just above 0.
    return min(1.0, math.exp(token.logprob))


def _check(token: TokenLogprob, tokenizer: Any) -> None:
    if token.id >= tokenizer.vocab_size or tokenizer.decode_bytes([token.id]) != token.bytes:
        raise IntegrityError(
            "tokenizer-mismatch",
            f"Token {token.id} is {token.bytes!r} in the answer but differs in the tokenizer: "
            "they belong to different models.",
            hint="Export the model again, so that the export has its tokenizer: insource export",
        )
