"""Find a model in the price table by the names that providers, clouds and gateways give it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

# Bedrock: vendor.model, perhaps with the geography of an inference profile, such as ``us.``.
_BEDROCK = re.compile(
    r"(?:[a-z-]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai"
    r"|nvidia|openai|qwen|writer|zai)\.[a-z]"
)
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[^/]*/")
_FIRST_PARTIES = ("openai", "anthropic", "google", "mistral")


@lru_cache(maxsize=4096)  # callers choose the names, and looking up an unknown one is slow
def listed(model: str, provider: str) -> tuple[Provider, ModelInfo] | None:
    """Return the table's entry for a model, trying the most specific reference first.

    ``provider`` is its name in the table, the name that another tool gives it, or its base URL.
    """
    import genai_prices  # takes a quarter of a second to load

    for reference, where in _references(model, provider):
        try:
            found = genai_prices.calc_price(genai_prices.Usage(), reference, **where)
        except LookupError:
            continue
        return found.provider, found.model
    return None


def _references(model: str, provider: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the names to look up and where.

    ``openai/gpt-4o`` is provider and model here; on some marketplaces it is the full model name. The path of
    a resource, such as ``publishers/google/models/gemini-2.5-flash``, ends with the model.
    """
    model = _ARN.sub("", model)
    prefix, _, name = model.partition("/")
    last = model.rpartition("/")[2]
    if provider:
        at = {"provider_api_url" if "://" in provider else "provider_id": provider}
        yield from ((reference, at) for reference in dict.fromkeys((model, name, last)) if reference)
    if _BEDROCK.match(last):
        yield last, {"provider_id": "aws"}
    if name:
        yield name, {"provider_id": prefix}
    yield model, {"provider_id": None}
    if "models/" in model:
        yield last, {"provider_id": "google"}
        yield last, {"provider_id": None}
    if not name:
        yield from ((model, {"provider_id": first_party}) for first_party in _FIRST_PARTIES)
