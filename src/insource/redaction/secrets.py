"""Rules for keys, tokens and private keys.

A secret is replaced by a constant that names the rule, not by a pseudonym. A model can learn nothing from it,
and the log must not even show that two calls used the same secret.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from insource.redaction.rules import RedactionRule, Span, compiled

_KEY_NAMES = (
    r"(?:x[-_]?)?api[-_]?key|access[-_]?token|auth[-_]?token|refresh[-_]?token|client[-_]?secret"
    r"|secret[-_]?(?:access[-_]?)?key|passw(?:or)?d|authorization"
)
_VALUE = r"[A-Za-z0-9._~+/=!@#$%^&*-]"
_PASSWORD = r"passw(?:or)?d|passphrase|\bpwd|passwort"
# JSON writes a newline as ``\n``, a quote as ``\"``, a slash as ``\/``; nested JSON adds backslashes.
_RAW_GAP = r"(?:\s|\\+[nrtf])*"
_RAW_QUOTE = r"\\*[\"']?"
_RAW_VALUE = _VALUE.replace("[", r"[\\", 1)

_MIN_ENTROPY_BITS = 3.0
# The parts of a name: a word, which can be pronounced, or a short one with digits: ``v2``, ``32gb``, a date
_WORD = re.compile(rb"(?i:(?=[a-z]*[aeiouy])(?![a-z]*[^aeiouy]{6}))[A-Za-z]?[a-z]{1,20}")
_SHORT_CODE = re.compile(rb"[a-z0-9]{0,7}|\d{8}")

NAMED = compiled(rf"(?i)(?:\w+[-_])?(?:{_KEY_NAMES})")
"""JSON keys whose text value is always a secret (match in full)."""

_RAW_NAMED = rf"(?i:(?:{_KEY_NAMES})\"\s*:\s*\"[^\"])"


def is_random(data: bytes, start: int, end: int) -> Span | None:
    """Return the span if its characters look random: words have about 3 bits per character,
    keys above 3.5.
    """
    return (start, end) if _entropy_bits(data[start:end]) >= _MIN_ENTROPY_BITS else None


def is_mixed(data: bytes, start: int, end: int) -> Span | None:
    """Return the span if it contains both letters and digits, so that it is not a word."""
    value = data[start:end]
    mixed = any(chr(c).isdigit() for c in value) and any(chr(c).isalpha() for c in value)
    return (start, end) if mixed else None


def is_key(data: bytes, start: int, end: int) -> Span | None:
    """Return the span if it is not a name made of words: ``sk-hynix-memory-module-32gb`` is not a key.

    Such a name has several words, and perhaps short parts with digits, between its dashes. A key has a long
    part with digits or capitals.
    """
    parts = re.split(rb"[-_.]", data[start:end])[1:]
    codes = [part for part in parts if not _WORD.fullmatch(part)]
    words = len(parts) - len(codes)
    named = words >= 2 and words >= len(codes) and all(map(_SHORT_CODE.fullmatch, codes))
    return None if named else (start, end)


def _entropy_bits(text: bytes) -> float:
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares)


SECRETS = (
    RedactionRule(
        "secret:private-key",
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        raw="PRIVATE KEY-----",
    ),
    RedactionRule("secret:anthropic-key", r"\bsk-ant-[A-Za-z0-9_-]{16,}", refine=is_key),
    # DashScope's and DeepSeek's keys have this form too
    RedactionRule("secret:openai-key", r"\bsk-[A-Za-z0-9_-]{16,}", refine=is_key),
    RedactionRule("secret:groq-key", r"\bgsk_[A-Za-z0-9]{30,}"),
    RedactionRule("secret:xai-key", r"\bxai-[A-Za-z0-9]{30,}"),
    RedactionRule("secret:aws-key-id", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    RedactionRule("secret:google-key", r"\bAIza[0-9A-Za-z_-]{35}"),
    RedactionRule("secret:google-key", r"\bAQ\.[0-9A-Za-z_-]{30,}", refine=is_key),
    RedactionRule("secret:github-token", r"\b(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{30,}"),
    RedactionRule("secret:huggingface-token", r"\bhf_[A-Za-z0-9]{30,}"),
    RedactionRule("secret:slack-token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    RedactionRule(
        "secret:slack-webhook",
        r"hooks\.slack\.com/services/([A-Za-z0-9/]{20,})",
        raw=r"hooks\.slack\.com\\*/",
    ),
    RedactionRule("secret:stripe-key", r"\b(?:[rs]k_(?:live|test)|whsec)_[A-Za-z0-9]{16,}"),
    RedactionRule("secret:gitlab-token", r"\bgl(?:pat|dt|rt|ptt|cbt)-[A-Za-z0-9_-]{20,}"),
    RedactionRule("secret:npm-token", r"\bnpm_[A-Za-z0-9]{36}"),
    RedactionRule("secret:sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    RedactionRule("secret:google-token", r"\bya29\.[A-Za-z0-9_-]{20,}"),
    RedactionRule("secret:azure-key", r"\bAccountKey=([A-Za-z0-9+/]{40,}=*)", raw="AccountKey="),
    RedactionRule(
        "secret:url-password",
        r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@\"'<>\\]*:([^\s/@\"'<>\\]+)@",
        raw=r":\\*/\\*/[^\s/:@\"'<>]*:[^\s/@\"'<>]+@",
    ),
    RedactionRule("secret:jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"),
    RedactionRule(
        "secret:bearer-token",
        r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{16,})",
        raw=rf"(?i:(?:bearer|basic){_RAW_GAP}[\\A-Za-z0-9._~+/=-]{{16}})",
    ),
    RedactionRule(
        "secret:assigned",
        rf"(?i)(?:{_KEY_NAMES})\\?[\"']?\s*[:=]\s*\\?[\"']?({_VALUE}{{12,}})",
        refine=is_random,
        raw=rf"(?i:(?:{_KEY_NAMES}){_RAW_QUOTE}{_RAW_GAP}[:=]{_RAW_GAP}{_RAW_QUOTE}{_RAW_VALUE}{{12}})|{_RAW_NAMED}",
    ),
    RedactionRule(
        "secret:password",
        rf"(?i)(?:{_PASSWORD})\\?[\"']?\s*[:=]\s*\\?[\"']?({_VALUE}{{6,}})",
        refine=is_mixed,
        raw=rf"(?i:(?:{_PASSWORD}){_RAW_QUOTE}{_RAW_GAP}[:=]{_RAW_GAP}{_RAW_QUOTE}{_RAW_VALUE}{{6}})",
    ),
)

# Text that may become a secret when more follows: the last run of key characters with a keyword before it
# (``api_key": "``, ``Bearer``), or a key block that is still open.
UNFINISHED_SECRETS = (
    rf"[\w-]+\\?[\"']?\s*[:=]?\s*\\?[\"']?{_VALUE}*",
    r"-----BEGIN[A-Z ]*-*",
    r"[\w+.-]+:(?:/(?:/[^\s@]*)?)?",
)
