"""Token counts are read in every spelling that providers, gateways and log tools use."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.providers import open_reader
from insource.providers.usage import merged, read_counts, read_usage
from insource.types import Usage

# One answer in many spellings: 4000 tokens read, of which 2500 from the cache and 700 written to it, and 120
# written, of which 50 are reasoning.
SAME = Usage(
    input_tokens=4000,
    cached_tokens=2500,
    cache_write_tokens=700,
    output_tokens=120,
    reasoning_tokens=50,
)
FRESH, CACHED, WRITTEN, ANSWER, THOUGHT = 800, 2500, 700, 120, 50
SPELLINGS = {
    "OpenRouter": {
        "prompt_tokens": 4000,
        "completion_tokens": ANSWER,
        "total_tokens": 4120,
        "prompt_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": WRITTEN},
        "completion_tokens_details": {"reasoning_tokens": THOUGHT},
    },
    "LiteLLM": {
        "prompt_tokens": 4000,
        "completion_tokens": ANSWER,
        "total_tokens": 4120,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_creation_tokens": WRITTEN, "audio_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": THOUGHT},
        "cache_read_input_tokens": CACHED,
        "cache_creation_input_tokens": WRITTEN,
    },
    "a gateway that leaves the cache out of the prompt": {
        "prompt_tokens": FRESH,
        "completion_tokens": ANSWER,
        "total_tokens": 4120,
        "cache_read_input_tokens": CACHED,
        "cache_creation_input_tokens": WRITTEN,
        "completion_tokens_details": {"reasoning_tokens": THOUGHT},
    },
    "a gateway that leaves the cache and the reasoning out": {
        "prompt_tokens": FRESH,
        "completion_tokens": ANSWER - THOUGHT,
        "total_tokens": 4120,
        "cached_tokens": CACHED,
        "cache_write_tokens": WRITTEN,
        "completion_tokens_details": {"reasoning_tokens": THOUGHT},
    },
    "Responses": {
        "input_tokens": 4000,
        "output_tokens": ANSWER,
        "total_tokens": 4120,
        "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": WRITTEN},
        "output_tokens_details": {"reasoning_tokens": THOUGHT},
    },
    "Anthropic": {
        "input_tokens": FRESH,
        "output_tokens": ANSWER,
        "cache_read_input_tokens": CACHED,
        "cache_creation_input_tokens": WRITTEN,
        "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
        "output_tokens_details": {"thinking_tokens": THOUGHT},
    },
    "Anthropic, in iterations": {
        "input_tokens": 300,
        "output_tokens": 20,
        "cache_read_input_tokens": CACHED,
        "output_tokens_details": {"thinking_tokens": THOUGHT},
        "iterations": [
            {
                "type": "compaction",
                "input_tokens": 500,
                "output_tokens": 100,
                "cache_creation_input_tokens": WRITTEN,
                "output_tokens_details": {"thinking_tokens": THOUGHT},
            },
            {"type": "message", "input_tokens": 300, "output_tokens": 20, "cache_read_input_tokens": CACHED},
            {"type": "advisor_message", "model": "another", "input_tokens": 9000, "output_tokens": 9000},
        ],
    },
    "Bedrock": {
        "inputTokens": FRESH,
        "outputTokens": ANSWER,
        "totalTokens": 4120,
        "cacheReadInputTokens": CACHED,
        "cacheWriteInputTokens": WRITTEN,
        "reasoningTokens": THOUGHT,
    },
    "Vercel": {
        "inputTokens": 4000,
        "outputTokens": ANSWER,
        "totalTokens": 4120,
        "inputTokenDetails": {"cacheReadTokens": CACHED, "cacheWriteTokens": WRITTEN},
        "outputTokenDetails": {"reasoningTokens": THOUGHT},
    },
    "LangChain": {
        "input_tokens": 4000,
        "output_tokens": ANSWER,
        "total_tokens": 4120,
        "input_token_details": {"cache_read": CACHED, "cache_creation": WRITTEN},
        "output_token_details": {"reasoning": THOUGHT},
    },
    "OpenTelemetry": {
        "gen_ai.usage.input_tokens": 4000,
        "gen_ai.usage.output_tokens": ANSWER,
        "gen_ai.usage.total_tokens": 4120,
        "gen_ai.usage.cache_read.input_tokens": CACHED,
        "gen_ai.usage.cache_creation.input_tokens": WRITTEN,
        "gen_ai.usage.reasoning.output_tokens": THOUGHT,
    },
    "OpenTelemetry, with the cache apart": {
        "gen_ai.usage.input_tokens": FRESH,
        "gen_ai.usage.output_tokens": ANSWER,
        "gen_ai.usage.cache_read_input_tokens": CACHED,
        "gen_ai.usage.cache_creation_input_tokens": WRITTEN,
        "gen_ai.usage.reasoning_tokens": THOUGHT,
    },
    "OpenInference": {
        "llm.token_count.prompt": 4000,
        "llm.token_count.completion": ANSWER,
        "llm.token_count.total": 4120,
        "llm.token_count.prompt_details.cache_read": CACHED,
        "llm.token_count.prompt_details.cache_write": WRITTEN,
        "llm.token_count.completion_details.reasoning": THOUGHT,
    },
    "Langfuse": {
        "input": FRESH,
        "input_cached_tokens": CACHED,
        "input_cache_creation": WRITTEN,
        "output": ANSWER,
        "output_reasoning_tokens": THOUGHT,
        "total": 4120,
    },
}


@pytest.mark.parametrize("counts", SPELLINGS.values(), ids=SPELLINGS)
def test_one_answer_has_the_same_counts_in_every_spelling(counts):
    assert read_usage(counts) == SAME


OPENAI_S = {"input_tokens": 900, "output_tokens": 10, "total_tokens": 910}
THOUGHTS = {"completion_tokens_details": {"reasoning_tokens": 25}}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (
            {"prompt_tokens": 1000, "prompt_cache_hit_tokens": 640},
            (1000, 640),
        ),
        ({"prompt_tokens": 1000, "completion_tokens": 1, "cached_tokens": 640}, (1000, 640)),
        # more read from the cache than read at all: the input leaves the cache out
        ({"gen_ai.usage.input_tokens": 3, "gen_ai.usage.cache_read.input_tokens": 5000}, (5003, 5000)),
        # the total shows that Anthropic's names were used for OpenAI's counts
        (
            {"input_tokens": 900, "output_tokens": 10, "total_tokens": 910, "cache_read_input_tokens": 600},
            (900, 600),
        ),
        ({"promptTokenCount": 900, "cachedContentTokenCount": 600, "totalTokenCount": 900}, (900, 600)),
    ],
)
def test_the_input_holds_the_cached_tokens_once(counts, expected):
    found = read_usage(counts, cache_apart=False)
    assert (found.input_tokens, found.cached_tokens) == expected


@pytest.mark.parametrize(
    ("counts", "written"),
    [
        (
            {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40},
            30,
        ),  # reasoning in the total only
        ({"input": 10, "output": 5, "total": 40, "thoughts_token_count": 25}, 30),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "completion_tokens_details": {"reasoning_tokens": 25},
            },
            30,
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 30,
                "completion_tokens_details": {"reasoning_tokens": 25},
            },
            30,
        ),
        ({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 25}, 30),
        ({"promptTokenCount": 10}, 0),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 3}, 5),  # a total that is not one
    ],
)
def test_the_output_holds_the_reasoning_once(counts, written):
    assert read_usage(counts).output_tokens == written


def test_counts_that_only_the_price_needs():
    read = [{"modality": "AUDIO", "tokenCount": 40}, {"modality": "VIDEO", "tokenCount": 50}]
    gemini = {
        "promptTokenCount": 100,
        "candidatesTokenCount": 1300,
        "promptTokensDetails": read,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
    }
    found = read_counts(gemini)
    assert (found.usage.audio_input_tokens, found.video_input_tokens) == (40, 50)
    assert (found.image_output_tokens, found.cached_audio_tokens) == (1290, 30)
    litellm = {"prompt_tokens": 9, "prompt_tokens_details": {"x_details": {"ephemeral_1h_input_tokens": 7}}}
    assert read_counts(litellm).cache_write_1h_tokens == 7


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = sorted({name for counts in SPELLINGS.values() for name in counts} | {"cached_tokens", "iterations"})


@given(counts=st.dictionaries(st.sampled_from(NAMES), ODD | st.integers(0, 2**54), max_size=8))
def test_whatever_is_reported_is_read_or_unknown(counts):
    found = read_usage(counts)
    assert Usage.model_validate(found.model_dump()) == found
    if found.input_tokens is not None and found.cached_tokens is not None:
        assert found.cached_tokens <= found.input_tokens


BLANK = st.sampled_from([None, 0, {}, []])


@given(
    spelling=st.sampled_from(sorted(SPELLINGS)),
    later=st.lists(st.dictionaries(st.sampled_from(NAMES), BLANK, max_size=6) | st.none(), max_size=4),
)
def test_nothing_that_comes_later_and_is_blank_takes_a_count_away(spelling, later):
    reported = SPELLINGS[spelling]
    for report in later:
        reported = merged(reported, report)
    assert read_usage(reported) == read_usage(SPELLINGS[spelling])


def chat_events(usages):
    for usage in usages:
        yield {"choices": [{"index": 0, "delta": {"content": "a"}}], "usage": usage}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def messages_events(usages):
    first, *rest = usages
    yield {"type": "message_start", "message": {"model": "m", "content": [], "usage": first}}
    for usage in rest:
        yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    yield {"type": "message_stop"}


def responses_events(usages):
    for number, usage in enumerate(usages, 1):
        kind = "response.completed" if number == len(usages) else "response.in_progress"
        yield {"type": kind, "response": {"status": "completed", "output": [], "usage": usage}}


def gemini_events(usages):
    for usage in usages:
        part = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
        yield {"candidates": [part], "usageMetadata": usage}


STREAMS = {
    "chat": (chat_events, "usage", {"choices": []}, "LiteLLM"),
    "messages": (messages_events, "usage", {"content": []}, "Anthropic"),
    "responses": (responses_events, "usage", {"output": []}, "Responses"),
    "generate_content": (gemini_events, "usageMetadata", {"candidates": []}, None),
}
GEMINI = {"promptTokenCount": 50, "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "totalTokenCount": 60}


@given(endpoint=st.sampled_from(sorted(STREAMS)), data=st.data())
def test_a_stream_has_the_counts_of_the_same_answer_not_streamed(endpoint, data):
    """Counts come in any part of the stream, first or last, with blanks after them."""
    events, key, document, spelling = STREAMS[endpoint]
    counts = SPELLINGS.get(spelling, GEMINI)
    shares = data.draw(st.lists(st.sampled_from(sorted(counts)), min_size=len(counts), max_size=len(counts)))
    early = {name: counts[name] for name in set(shares)}
    blanks = data.draw(
        st.lists(st.dictionaries(st.sampled_from(sorted(counts)), BLANK, max_size=4), max_size=3)
    )
    late = {name: value for name, value in counts.items() if name not in early}
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events([early, late, *blanks]))
    assert usage_of(endpoint, stream.encode(), streamed=True) == usage_of(
        endpoint, json.dumps(document | {key: counts}).encode(), streamed=False
    )


def usage_of(endpoint, data, *, streamed):
    reader = open_reader(endpoint, streamed=streamed)
    reader.feed(data)
    reader.close()
    return reader.usage
