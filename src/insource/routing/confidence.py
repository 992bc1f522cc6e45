"""How sure the local model was of an answer, from the tokens it chose and those it could have chosen.

Log-probabilities come raw, from before the grammar. So every token is judged among what the grammar
allowed at its place: the answer's tokens are replayed through the grammar, forced ones say nothing and
are left out, and the others get p̂ = p(token) / p(all allowed candidates).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from insource.foundation.errors import DataError, IntegrityError
from insource.routing.json_spans import Span, json_spans
from insource.types import Completion, Example, TokenLogprob

# Below this the model wanted something the grammar forbade, however sure it was among the rest.
TINY_MASS = 0.01
# The number of candidates that the local model returns for each token. Calibration and gateway must ask for
# the same number, or their confidences cannot be compared.
TOP_LOGPROBS = 20
JSON_RULE = "start: %json"


@lru_cache(maxsize=4)
def load_tokenizer(tokenizer_json: Path) -> Any:
    """The ``llguidance.LLTokenizer`` of a Hugging Face ``tokenizer.json``; takes a second, once a process.

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
    tokenizer_json: Path, grammar_for: Callable[[Example], str | None]
) -> Callable[[Example, Completion], float | None]:
    """``document_confidence`` as an evaluation takes it: of one example's answer, under its grammar.

    The tokenizer is read at the first answer. Raises as ``load_tokenizer`` and ``document_confidence`` do.
    """

    def score(example: Example, completion: Completion) -> float | None:
        return document_confidence(completion, grammar_for(example), load_tokenizer(tokenizer_json))

    return score


def document_confidence(completion: Completion, grammar: str | None, tokenizer: Any | None) -> float | None:
    """How likely the whole answer is right, between 0 and 1, not calibrated; None when it cannot be told.

    For JSON the product of ``field_confidences``: a document is right only when all its fields are, so
    ten doubtful fields must count for more than one, which a minimum over fields cannot say. For any
    other text the least certain token. 0 for an answer that was cut short, or that is not JSON although
    the grammar asks for it. None when log-probabilities are missing, which never means certain
    (llama.cpp leaves them out for speculated tokens).

    ``grammar`` is what the engine was constrained by, None when it was not; ``tokenizer`` the
    ``LLTokenizer`` of the model that wrote, needed with a grammar.

    Raises:
        IntegrityError: ``tokenizer-mismatch`` when the tokens are not those of ``tokenizer``.
    """
    if completion.finish_reason == "length":
        return 0.0
    try:
        fields = field_confidences(completion, grammar, tokenizer)
    except ValueError:
        if grammar is not None and JSON_RULE in grammar:
            return 0.0
        certainties = _certainties(completion, grammar, tokenizer)
        return None if certainties is None else min((p for p in certainties if p is not None), default=1.0)
    return None if fields is None else math.prod(fields.values())


def field_confidences(
    completion: Completion, grammar: str | None, tokenizer: Any | None
) -> dict[str, float] | None:
    """The least p̂ among the deciding tokens of every field, by path; None when it cannot be told.

    A minimum, because the tokens of one value hang together: the first decides, the rest copy. A token
    belongs to the first value that has a byte in it, quotes included, since an opening quote decides
    against ``null``. Under a grammar the tokens of bare structure that still had a choice, such as the
    comma that makes a list longer, count for the object or list they stand in; without one they are
    ignored. A field whose tokens were all forced has 1.

    Raises:
        ValueError: when the answer is not JSON.
        IntegrityError: as ``document_confidence``.
    """
    text = completion.text.encode()
    spans = json_spans(text)
    certainties = _certainties(completion, grammar, tokenizer)
    start = b"".join(token.bytes for token in completion.tokens).find(text)
    if certainties is None or start < 0:
        return None
    fields = {span.path: 1.0 for span in spans if span.leaf}
    at = -start
    for token, certainty in zip(completion.tokens, certainties, strict=True):
        begin, at = at, at + len(token.bytes)
        owner = _owner(spans, begin, at)
        if certainty is None or owner is None or (grammar is None and not owner.leaf):
            continue
        fields[owner.path] = min(certainty, fields.get(owner.path, 1.0))
    return fields


def _owner(spans: list[Span], begin: int, end: int) -> Span | None:
    """The first leaf that shares a byte with a token, else the innermost container around its start."""
    for span in spans:
        if span.leaf and span.start < end and begin < span.end:
            return span
    around = [span for span in spans if not span.leaf and span.start <= begin < span.end]
    return min(around, key=lambda span: span.end - span.start, default=None)


def _certainties(
    completion: Completion, grammar: str | None, tokenizer: Any | None
) -> list[float | None] | None:
    """p̂ of every token, None for one that decided nothing; nothing at all when candidates are missing."""
    tokens = completion.tokens
    if not any(token.bytes for token in tokens) or any(not token.top for token in tokens):
        return None
    if grammar is None:
        return [_probability(token) if token.bytes else None for token in tokens]
    if tokenizer is None:
        return None
    return list(_replayed(tokens, grammar, tokenizer))


def _replayed(tokens: tuple[TokenLogprob, ...], grammar: str, tokenizer: Any) -> Iterator[float | None]:
    """p̂ under the grammar; 0 from where the answer leaves it, as an unconstrained one may."""
    from llguidance import LLMatcher
    from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

    matcher = LLMatcher(tokenizer, grammar, log_level=0)
    mask = allocate_token_bitmask(1, tokenizer.vocab_size)
    for token in tokens:
        if not token.bytes:  # the end marker
            yield None
            continue
        _check(token, tokenizer)
        forced = bool(matcher.compute_ff_bytes().startswith(token.bytes))
        if not forced:
            fill_next_token_bitmask(matcher, mask)
        if not matcher.consume_token(token.id):
            yield 0.0
        elif forced or int(np.bitwise_count(mask.view(np.uint32)).sum()) == 1:
            yield None
        else:
            yield _among_allowed(token, mask[0])


def _among_allowed(token: TokenLogprob, mask: Any) -> float:
    """p / max(mass, p), where mass is what the likeliest candidates that the grammar allows have together."""
    own = _probability(token)
    mass = sum(
        math.exp(logprob)
        for candidate, logprob in token.top
        if int(mask[candidate // 32]) >> candidate % 32 & 1
    )
    mass = max(mass, own)
    return own / mass if mass >= TINY_MASS else 0.0


def _probability(token: TokenLogprob) -> float:
    return min(1.0, math.exp(token.logprob))


def _check(token: TokenLogprob, tokenizer: Any) -> None:
    if token.id >= tokenizer.vocab_size or tokenizer.decode_bytes([token.id]) != token.bytes:
        raise IntegrityError(
            "tokenizer-mismatch",
            f"Token {token.id} reads {token.bytes!r} in the answer and otherwise in the tokenizer: "
            "they belong to different models.",
            hint="Export the model again, so that its tokenizer lies beside it: insource export",
        )
