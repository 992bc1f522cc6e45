"""What keeping a call in one region adds to its price, where the table of ``genai-prices`` leaves that out.

The pages were read on the date in ``READ_ON``. Bedrock's regional prices are in the table itself.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit

READ_ON = "2026-11-28"

_UPLIFT = Decimal("1.1")
_PLAIN = Decimal(1)
_VERSION = re.compile(r"(?:claude(?:-[a-z]+)?|gemini|gpt)-(\d+)(?:[.-](\d)(?!\d))?")
_BEFORE_2026 = re.compile(r"(?:o[134]|text-embedding)(?:-|$)")
_OPENAI = re.compile(r"[a-z]{2}\.api\.openai\.com")
_XAI = re.compile(r"us\.api\.x\.ai")
_VERTEX = re.compile(r"[a-z0-9-]+-aiplatform\.googleapis\.com|aiplatform\.[a-z]+\.rep\.googleapis\.com")


@lru_cache(maxsize=4096)
def regional_factor(model: str, provider: str, geography: str) -> tuple[Decimal | None, str]:
    """Return the factor on the price of every token, None if unknown, and the page that says so.

    ``provider`` is a base URL or a name, ``geography`` what Anthropic reports as ``inference_geo``.
    """
    if geography not in ("", "global", "not_available"):
        page = "platform.claude.com/docs/en/build-with-claude/data-residency"
        return (_UPLIFT if geography == "us" else None), page
    host = urlsplit(provider).hostname or "" if "://" in provider else ""
    if _OPENAI.fullmatch(host):  # models released since 2026-03-05, the first of which was gpt-5.4
        return _since(model, (5, 4)), "developers.openai.com/api/docs/guides/data-residency"
    if _XAI.fullmatch(host):
        return _UPLIFT, "docs.x.ai/developers/advanced-api-usage/regions"
    if _VERTEX.fullmatch(host):
        if "claude" in model:
            return _since(model, (4, 5)), "platform.claude.com/docs/en/about-claude/pricing"
        older = _since(model, (3, 0)) == _PLAIN
        return (_PLAIN if older else None), ""
    return _PLAIN, ""


def _since(model: str, first: tuple[int, int]) -> Decimal | None:
    """Return the uplift for models from this version on; None for a name without a version."""
    if _BEFORE_2026.match(model):
        return _PLAIN
    version = _VERSION.search(model)
    if version is None:
        return None
    return _UPLIFT if (int(version[1]), int(version[2] or 0)) >= first else _PLAIN
