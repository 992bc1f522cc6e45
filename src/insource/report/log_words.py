"""What each figure of a log's profile is called, and its unit."""

from __future__ import annotations

from insource.types.log_profile import LogProfile

TOPICS = {
    "traffic": "Traffic",
    "spending": "Cost",
    "narrowness": "How narrow and stable",
    "data": "Data to learn from",
    "repetition": "Repeated calls",
    "constant": "The constant part of the prompt",
    "privacy": "Personal data and secrets",
    "waiting": "Latency",
    "rungs": "The cheapest models, cross-validated",
}
"""The parts of a profile, in the order of the page, with their titles."""

FIGURES: dict[str, tuple[str, str]] = {
    "traffic.per_month": ("Calls", "calls a month"),
    "traffic.trend": ("Change of the volume in a month", "share of the mean"),
    "traffic.peak_over_mean": ("Busiest hour over the mean hour", "times"),
    "traffic.in_flight": ("Calls at once in the busiest hour", ""),
    "traffic.not_answered": ("Calls without an answer", "share"),
    "spending.per_1000_usd": ("Cost of 1,000 calls", "USD"),
    "spending.per_month_usd": ("Cost", "USD a month"),
    "spending.trend": ("Change of the cost in a month", "share of the mean"),
    "spending.input_tokens": ("Input", "tokens a call"),
    "spending.input_tokens_p95": ("Input, 95th percentile", "tokens"),
    "spending.output_tokens": ("Output", "tokens a call"),
    "spending.cached": ("Input read from the provider's cache", "share"),
    "spending.batched": ("Calls in a batch", "share"),
    "narrowness.in_three_prompts": ("Calls from the three commonest prompts", "share"),
    "narrowness.one_form": ("Answers in the commonest form", "share"),
    "narrowness.prompt_changes": ("Changes of the prompt", "a quarter"),
    "narrowness.schema_changes": ("Changes of the answers' keys", "a quarter"),
    "narrowness.new_values": ("New values", "in 1,000 answers"),
    "narrowness.extractive": ("Answers that stand in their document", "share"),
    "data.corrections": ("Answers that a person corrected, of those with feedback", "share"),
    "data.rated_down": ("Answers rated down, of those with feedback", "share"),
    "data.disagreement": ("Repeated answers that differ from the model's usual one", "share"),
    "data.contradictions": ("Repeated inputs with more than one answer", "share"),
    "repetition.exact": ("Exact repeats: what a cache saves at least", "share"),
    "repetition.near": ("Near repeats: what a cache saves at most", "share"),
    "repetition.same_answer": ("Near repeats with the earlier answer", "share"),
    "repetition.exact_usd_per_month": ("Cost of the exact repeats", "USD a month"),
    "constant.share": ("Input that is the same in every call", "share"),
    "constant.tokens": ("The same in every call", "tokens a call"),
    "constant.trimming_usd_per_month": ("What it costs: trimming saves at most this", "USD a month"),
    "constant.caching_usd_per_month": ("What the provider's cache would save", "USD a month"),
    "privacy.calls": ("Calls with personal data or secrets", "share"),
    "waiting.p50_s": ("Latency, median", "s"),
    "waiting.p95_s": ("Latency, p95", "s"),
    "waiting.p99_s": ("Latency, p99", "s"),
    "waiting.first_token_p50_s": ("First token, median", "s"),
    "waiting.streamed": ("Streamed calls", "share"),
    "waiting.within_need": ("Calls within the stated need", "share"),
}
"""Label and unit (``units.py``) of every figure that has one place."""

_LEAVES = {"calls_per_month": "calls that leave", "sensitive_calls_per_month": "of these, with personal data"}


def figure_words(name: str, profile: LogProfile) -> tuple[str, str]:
    """Return the label and the unit of a figure, by its dotted name."""
    topic, field, *rest = name.split(".")
    if topic == "privacy" and field == "leaves":
        option = profile.privacy.leaves[int(rest[0])].option
        return f"{option}: {_LEAVES[rest[1]]}", "calls a month"
    if topic == "rungs":
        rung = profile.rungs[int(field)]
        return f"{rung.name}: {rung.metric.replace('_', ' ')}, by {rung.judged_by}", "share"
    if rest:
        what = {
            "by_kind": "Calls with",
            "by_field": "Calls with some in",
            "extractive_by_field": "Answers of",
        }
        ending = " that stand in their document" if field == "extractive_by_field" else ""
        return f"{what[field]} {'.'.join(rest)}{ending}", "share"
    return FIGURES[name]
