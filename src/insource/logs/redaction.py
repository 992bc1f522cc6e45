"""Secrets are taken out before anything is written.

Built-in rules for keys, tokens and private keys. A replacement names its rule (``[secret:openai-key]``)
and is the same for every value, so nothing of the secret can be worked out from the log.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

_KEY_NAMES = (
    r"(?:x[-_]?)?api[-_]?key|access[-_]?token|auth[-_]?token|refresh[-_]?token|client[-_]?secret"
    r"|secret[-_]?(?:access[-_]?)?key|passw(?:or)?d|authorization"
)
_ASSIGNED = rf"(?:{_KEY_NAMES})\\?[\"']?\s*[:=]\s*\\?[\"']?"
_KEY_NAME = re.compile(rf"(?:\w+[-_])?(?:{_KEY_NAMES})", re.IGNORECASE)

_MIN_ENTROPY_BITS = 3.0


@dataclass(frozen=True)
class _Rule:
    """``hints``: lower-case pieces one of which occurs wherever the pattern matches; looked for first,
    because a substring search is some fifty times faster than the pattern. Group 1, if any, is kept."""

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    needs_entropy: bool = False


_RULES = (
    _Rule(
        "private-key",
        ("private key-----",),
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
    ),
    _Rule("anthropic-key", ("sk-ant-",), re.compile(r"\bsk-ant-[A-Za-z0-9_-]{16,}")),
    _Rule("openai-key", ("sk-",), re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")),
    _Rule("aws-key-id", ("akia", "asia"), re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    _Rule("google-key", ("aiza",), re.compile(r"\bAIza[0-9A-Za-z_-]{35}")),
    _Rule(
        "github-token", ("gh", "github_pat_"), re.compile(r"\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{30,}")
    ),
    _Rule("huggingface-token", ("hf_",), re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    _Rule("slack-token", ("xox",), re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}")),
    _Rule("jwt", ("eyj",), re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+")),
    _Rule(
        "bearer-token",
        ("bearer", "basic"),
        re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE),
    ),
    _Rule(
        "assigned",
        ("key", "token", "secret", "passw", "authorization"),
        re.compile(rf"({_ASSIGNED})[A-Za-z0-9._~+/=!@#$%^&*-]{{12,}}", re.IGNORECASE),
        needs_entropy=True,
    ),
)

# What may still grow into a secret: the last run of key characters, with the word in front of it that
# would make it one (``api_key": "``, ``Bearer``). Key blocks are longer and are looked for by their lines.
_UNFINISHED_TOKEN = re.compile(r"(?:[\w-]++\\?[\"']?\s*+[:=]?\s*+\\?[\"']?)?[A-Za-z0-9._~+/=!@#$%^&*-]*+\Z")
_UNFINISHED_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?!.*-----END [A-Z ]*PRIVATE KEY-----)|-----BEGIN[A-Z ]*-*\Z",
    re.DOTALL,
)
_LONGEST_TOKEN = 4096


def redact(value: Any) -> Any:
    """The same JSON value without secrets, in text, in keys and under keys that name a secret.

    Lone surrogates, which neither UTF-8 nor the store can hold, become ``?``.
    """
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, dict):
        return {_redact_key(key): _redact_field(key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value


def _redact_key(key: Any) -> Any:
    return _redact_text(key) if isinstance(key, str) else key


def _redact_field(key: Any, item: Any) -> Any:
    if isinstance(item, str) and item and isinstance(key, str) and _KEY_NAME.fullmatch(key):
        return "[secret:named]"
    return redact(item)


def _redact_text(text: str) -> str:
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    lowered = text.lower()
    for rule in _RULES:
        if any(hint in lowered for hint in rule.hints):
            text = _apply(rule, text)
    return text


def _secret_spans(text: str) -> list[tuple[int, int]]:
    lowered = text.lower()
    suspected = (rule for rule in _RULES if any(hint in lowered for hint in rule.hints))
    return [match.span() for rule in suspected for match in rule.pattern.finditer(text)]


def _apply(rule: _Rule, text: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        kept = match.group(1) if rule.pattern.groups else ""
        if rule.needs_entropy and _entropy_bits(match.group()[len(kept) :]) < _MIN_ENTROPY_BITS:
            return match.group()
        return f"{kept}[secret:{rule.name}]"

    return rule.pattern.sub(replaced, text)


def _entropy_bits(text: str) -> float:
    """Shannon entropy of the characters, in bits each: words lie near 3, random keys above 3.5."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


class RedactedIncrements:
    """Redacts a streamed text piece by piece.

    What may still become part of a secret is held back until more text decides, so that no secret cut
    in two by the stream gets through.
    """

    def __init__(self) -> None:
        self._held = ""

    def add(self, text: str) -> str:
        """The redacted text that is safe to write now, possibly none."""
        text = self._held + text
        block = _UNFINISHED_BLOCK.search(text)
        token = _UNFINISHED_TOKEN.search(text, max(0, len(text) - _LONGEST_TOKEN))
        cut = min(match.start() for match in (block, token) if match)
        secrets = _secret_spans(text)
        while inside := [start for start, end in secrets if start < cut < end]:
            cut = min(inside)
        self._held = text[cut:]
        return _redact_text(text[:cut])
