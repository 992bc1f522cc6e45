"""The vocabulary of a ``tokenizer.json`` as the metadata of a GGUF file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from insource.foundation.errors import IntegrityError, UserError
from insource.models.conversion.pre_tokenizers import identified

# Values of ``tokenizer.ggml.token_type``.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")
SPACE = "\u2581"  # stands for a space in SentencePiece vocabularies
ADDED_SCORE, UNUSED_SCORE = -1000.0, -10000.0


class Vocabulary(NamedTuple):
    """What llama.cpp has to know of a tokenizer.

    ``model`` is ``gpt2`` (byte pairs) or ``llama`` (SentencePiece); ``pre`` the pre-tokenizer's name. The
    lists have one entry a token; ``scores`` is empty for byte pairs, ``merges`` for SentencePiece.
    """

    model: str
    pre: str
    tokens: list[str]
    types: list[int]
    scores: list[float]
    merges: list[str]
    space_prefix: bool
    adds_bos: bool

    def id_of(self, token: str | None) -> int | None:
        """Return the id of a token by its spelling, None for one that there is not."""
        return self.tokens.index(token) if token is not None and token in self.tokens else None


def read_tokenizer(folder: Path) -> dict[str, Any]:
    """Return ``tokenizer.json``.

    Raises:
        UserError: ``tokenizer-not-supported`` when the file is missing or not JSON.
    """
    path = folder / "tokenizer.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise not_supported(f"{folder} has no tokenizer.json") from error
    except ValueError as error:
        raise not_supported(f"{path} is not JSON ({error})") from error
    return found


def vocabulary(tokenizer: dict[str, Any], size: int, bos: str | None) -> Vocabulary:
    """Return the vocabulary for embeddings of ``size`` rows; rows without a token become unused tokens.

    Raises:
        UserError: ``tokenizer-not-supported``, with the reason.
        IntegrityError: ``vocabulary-mismatch`` when the tokenizer has ids beyond the embeddings.
    """
    model = tokenizer["model"]
    if model.get("type") != "BPE":
        raise not_supported(f"its type is {model.get('type')}; only BPE is supported")
    added = {int(token["id"]): token for token in tokenizer.get("added_tokens", ())}
    by_id = {place: token for token, place in model["vocab"].items()}
    largest = max([*by_id, *added], default=-1)
    if largest >= size:
        raise IntegrityError(
            "vocabulary-mismatch",
            f"The tokenizer has the token id {largest}, and the model's embeddings have {size} rows.",
            hint="Tokenizer and weights are not of one model: put the files of one download together.",
        )
    spelled = [_spelling(place, by_id, added) for place in range(size)]
    types = [_type(place, by_id, added, model) for place in range(size)]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    if model.get("byte_fallback"):
        return Vocabulary(
            "llama",
            "default",
            spelled,
            types,
            _scores(spelled, types, merges),
            [],
            space_prefix=_prepends_space(tokenizer),
            adds_bos=_adds(tokenizer, bos),
        )
    pre, reason = identified(tokenizer)
    if pre is None:
        raise not_supported(reason)
    return Vocabulary(
        "gpt2", pre.name, spelled, types, [], merges, space_prefix=False, adds_bos=_adds(tokenizer, bos)
    )


def _spelling(place: int, by_id: Mapping[int, str], added: Mapping[int, dict[str, Any]]) -> str:
    if place in added:
        return str(added[place]["content"])
    return by_id.get(place, f"[PAD{place}]")


def _type(
    place: int, by_id: Mapping[int, str], added: Mapping[int, dict[str, Any]], model: dict[str, Any]
) -> int:
    if place in added:
        if added[place]["content"] == model.get("unk_token") and model.get("byte_fallback"):
            return UNKNOWN
        return CONTROL if added[place].get("special") else USER_DEFINED
    if place not in by_id:
        return UNUSED
    return BYTE if model.get("byte_fallback") and BYTE_TOKEN.fullmatch(by_id[place]) else NORMAL


def _scores(tokens: list[str], types: list[int], merges: list[str]) -> list[float]:
    """Return scores that make llama.cpp merge in the order of ``merges``: it takes the best score first."""
    order: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        order.setdefault(merge.replace(" ", "", 1), rank)
    never = len(order)
    by_type = {UNUSED: UNUSED_SCORE, CONTROL: ADDED_SCORE, USER_DEFINED: ADDED_SCORE}
    return [
        by_type.get(kind, -float(order.get(token, never))) for token, kind in zip(tokens, types, strict=True)
    ]


def _prepends_space(tokenizer: dict[str, Any]) -> bool:
    for part in (*_parts(tokenizer.get("normalizer")), *_parts(tokenizer.get("pre_tokenizer"))):
        if part.get("type") == "Prepend":
            return True
        if part.get("type") == "Metaspace":
            return bool(part.get("prepend_scheme", "always") != "never")
    return False


def _adds(tokenizer: dict[str, Any], bos: str | None) -> bool:
    """Whether the tokenizer itself sets BOS before a text."""
    added = (
        step["SpecialToken"]["id"]
        for part in _parts(tokenizer.get("post_processor"))
        for step in part.get("single", ())
        if "SpecialToken" in step
    )
    return bos is not None and bos in added


def _parts(part: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the members of a sequence, or the one part itself."""
    if part is None:
        return []
    for name in ("normalizers", "pretokenizers", "processors"):
        if name in part:
            return list(part[name])
    return [part]


def not_supported(reason: str) -> UserError:
    return UserError(
        "tokenizer-not-supported",
        f"The tokenizer of this model cannot be served: {reason}.",
        hint="Use a GGUF file of the model, as `gguf/PATH`, or another model: insource models list",
    )
