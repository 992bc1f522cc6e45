"""What an answer says about its price besides the token counts: terms, fees, the provider's own amount."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from insource.models.decisions.answers import read_decisions
from insource.providers.dialect import dicts, string
from insource.providers.usage import Counts, iterations, read_counts

CHARGED = "the provider's own account"
LITELLM_COST = "x-litellm-response-cost"
"""The header in which LiteLLM's proxy states the price of an answer, in US dollars."""

_MOST_USD = 1_000_000  # no call costs more
_TICKS_PER_USD = 10**10  # xAI: docs.x.ai, "Cost tracking"

# Values with which the table's plain price holds. Every other value needs a price of its own.
_PLAIN = {
    "service_tier": ("auto", "default", "standard", "standard_only", "on_demand"),
    "speed": ("standard",),
}
# Gemini on Google Cloud: UsageMetadata.TrafficType
_TRAFFIC = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex"}
_PREPAID = ("scale", "provisioned", "provisioned_throughput", "reserved")

_SERVER_TOOLS = ("server_tool_use", "server_tool_use_details")  # Anthropic, OpenRouter
_OTHER_TOOLS = "tools that ran at the provider"
# Output items of the Responses API without a fee. Every other kind of call has one, or may have.
_FREE_CALLS = (
    *("function_call", "custom_tool_call", "mcp_call", "computer_call", "local_shell_call"),
    *("apply_patch_call", "tool_search_call"),
)
_WORD = re.compile(r"[a-z_]{1,40}")
_SEARCHES_ONCE = re.compile(r"-search-(?:preview|api)")  # OpenAI's search models, per call
# Gemini before version 3 charges a grounded prompt, later versions each query: ai.google.dev, "Pricing".
_CHARGED_BY_PROMPT = re.compile(r"gemini-[12](?![0-9])")


class Part(NamedTuple):
    """A part of an answer that is billed on its own; ``model`` is empty for the model of the answer."""

    model: str
    counts: Counts


class Billing(NamedTuple):
    """What besides the token counts determines the price of a call: see ``billing_of``.

    ``counts`` are the finer token counts, ``parts`` those of the parts that are billed one by one. ``terms``
    are the table's conditions, such as ``("service_tier", "flex")``, and ``geography`` is where the provider
    kept the call. ``input_only``: only what was read has a price, as with decision models. ``other_charge``
    names a charge for which no price is known. ``charged_usd`` is the amount that the provider itself
    reports, as OpenRouter does.
    """

    batch: bool = False
    counts: Counts = Counts()
    parts: tuple[Part, ...] = ()
    web_searches: int = 0
    file_searches: int = 0
    terms: tuple[tuple[str, str], ...] = ()
    geography: str = ""
    input_only: bool = False
    other_charge: str = ""
    charged_usd: Decimal | None = None


def billing_of(response: Mapping[str, Any] | None, *, batch: bool = False, stated_usd: str = "") -> Billing:
    """Return what an answer document says about billing.

    ``stated_usd`` is the price in the answer's headers, see ``LITELLM_COST``; empty if there is none.
    """
    response = response or {}
    usage = response.get("usage") or response.get("usageMetadata")
    usage = usage if isinstance(usage, dict) else {}
    tier = _tier(response, usage)
    batch = batch or tier == "batch"
    web, files, fee = _fees(response, usage)
    named = {"service_tier": tier, "speed": string(usage.get("speed")).lower()}
    terms = tuple((name, value) for name, value in named.items() if value)
    return Billing(
        batch=batch,
        counts=_counts(response, usage),
        parts=tuple(
            Part(string(one.get("model")), read_counts({**one, "iterations": None}, cache_apart=True))
            for one in iterations(usage)
        ),
        web_searches=web,
        file_searches=files,
        terms=(("processing", "batch"), *terms) if batch else terms,
        geography=string(usage.get("inference_geo")).lower(),
        input_only=bool(read_decisions(response)),
        other_charge=fee,
        charged_usd=_charged(response, usage, stated_usd),
    )


def _counts(response: Mapping[str, Any], usage: Mapping[str, Any]) -> Counts:
    """Return the counts; where an answer has pictures and tells no kinds, its output is images."""
    counts = read_counts(usage)
    pictures = any("b64_json" in one or "url" in one for one in dicts(response.get("data")))
    if pictures and "output_tokens_details" not in usage:
        return counts._replace(image_output_tokens=counts.usage.output_tokens or 0)
    return counts


def worded(value: str, instead: str) -> str:
    """Return a value that an answer names if it is a word, else ``instead``: reasons are not redacted."""
    return value if _WORD.fullmatch(value) else instead


def is_prepaid(term: tuple[str, str]) -> bool:
    """Whether a call under this term used capacity that was bought beforehand."""
    return term[1] in _PREPAID


def is_plain(term: tuple[str, str]) -> bool:
    """Whether a call under this term costs the plain price."""
    name, value = term
    return value in _PLAIN.get(name, ())


def _tier(response: Mapping[str, Any], usage: Mapping[str, Any]) -> str:
    tier = response.get("service_tier") or usage.get("service_tier") or response.get("serviceTier")
    if isinstance(tier, dict):  # Bedrock
        tier = tier.get("type")
    traffic = string(usage.get("trafficType"))
    if traffic == "PROVISIONED_THROUGHPUT":
        return "provisioned_throughput"
    return string(tier).lower() or _TRAFFIC.get(traffic, "")


def _fees(response: Mapping[str, Any], usage: Mapping[str, Any]) -> tuple[int, int, str]:
    """Return the searches of the web and of files, and the name of another charge."""
    web = max(_number(usage.get(name), "web_search_requests") for name in _SERVER_TOOLS)
    web = max(web, _number(usage, "num_search_queries"))
    if _SEARCHES_ONCE.search(string(response.get("model"))):
        web = max(web, 1)
    fees = [_anthropic_fee(response), _xai_fee(usage)]
    if not web and _number(usage.get("server_tool_use_details"), "tool_calls_executed"):
        fees.append(_OTHER_TOOLS)
    kinds = [string(item.get("type")) for item in dicts(response.get("output")) if _was_done(item)]
    web += kinds.count("web_search_call")
    charged = {kind for kind in kinds if kind.endswith("_call")} - {"web_search_call", "file_search_call"}
    fees += sorted(worded(kind, _OTHER_TOOLS) for kind in charged.difference(_FREE_CALLS))
    for choice in dicts(response.get("choices")):
        message = choice.get("message")
        if isinstance(message, dict) and message.get("executed_tools"):  # Groq
            fees.append(_OTHER_TOOLS)
    per_prompt = _CHARGED_BY_PROMPT.search(string(response.get("modelVersion"))) is not None
    queries = 0
    for candidate in dicts(response.get("candidates")):
        found, fee = _grounding(candidate.get("groundingMetadata"))
        queries += found
        fees.append(fee)
    web += min(queries, 1) if per_prompt else queries
    return web, kinds.count("file_search_call"), next((fee for fee in fees if fee), "")


def _was_done(item: Mapping[str, Any]) -> bool:
    """Whether an output item is charged: a search is, the opening of a page that it found is not."""
    action = item.get("action")
    kind = action.get("type", "search") if isinstance(action, dict) else "search"
    return item.get("type") != "web_search_call" or (kind == "search" and item.get("status") != "failed")


def _grounding(metadata: Any) -> tuple[int, str]:
    """Return the number of searches behind a Gemini answer, and another source with a fee."""
    if not isinstance(metadata, dict):
        return 0, ""
    queries = [
        query
        for name in ("webSearchQueries", "imageSearchQueries")
        if isinstance(asked := metadata.get(name), list)
        for query in asked
        if query
    ]
    chunks = dicts(metadata.get("groundingChunks"))
    if not queries and any("web" in chunk for chunk in chunks):
        queries = ["(not named)"]
    others = {"maps": "grounding with Google Maps", "retrievedContext": "grounding with your own data"}
    return len(queries), next((fee for name, fee in others.items() if any(name in one for one in chunks)), "")


def _anthropic_fee(response: Mapping[str, Any]) -> str:
    used = [block for block in dicts(response.get("content")) if block.get("type") == "server_tool_use"]
    return "code execution" if any(string(one.get("name")).endswith("code_execution") for one in used) else ""


def _xai_fee(usage: Mapping[str, Any]) -> str:
    counted = ("num_sources_used", "num_server_side_tools_used")
    return "searches of xAI's live sources" if any(_number(usage, name) for name in counted) else ""


def _charged(response: Mapping[str, Any], usage: Mapping[str, Any], stated_usd: str) -> Decimal | None:
    """Return the US dollars that the provider states. A zero may be a field that nobody filled in.

    OpenRouter's zero is a price: of a free model, or of a call with the caller's own key, to which the
    charge of the upstream provider is added.
    """
    if "cost_details" in usage or "is_byok" in usage:
        return _openrouter(usage)
    cost = usage.get("cost")
    if isinstance(cost, dict):  # Perplexity
        cost = cost.get("total_cost")
    hidden = response.get("_hidden_params")
    ticks = _amount(usage.get("cost_in_usd_ticks"))
    candidates = (
        _amount(cost),
        None if ticks is None else ticks / _TICKS_PER_USD,
        _amount(usage.get("estimated_cost")),  # DeepInfra
        _amount(hidden.get("response_cost")) if isinstance(hidden, dict) else None,  # LiteLLM
        _amount(stated_usd),
    )
    return next((amount for amount in candidates if amount and amount < _MOST_USD), None)


def _openrouter(usage: Mapping[str, Any]) -> Decimal | None:
    parts, details = [_amount(usage.get("cost"))], usage.get("cost_details")
    if usage.get("is_byok") is True:
        parts.append(_amount(details.get("upstream_inference_cost")) if isinstance(details, dict) else None)
    amounts = [part for part in parts if part is not None and part < _MOST_USD]
    return sum(amounts, Decimal(0)) if len(amounts) == len(parts) else None


def _amount(value: Any) -> Decimal | None:
    """Return a number, or a text with one, that is not negative."""
    if value == "" or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def _number(counts: Any, name: str) -> int:
    value = counts.get(name) if isinstance(counts, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
