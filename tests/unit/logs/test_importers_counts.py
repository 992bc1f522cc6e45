"""Token counts in the spellings of exports: parts of a whole, parts on top, totals that tell which."""

import pytest
from support.import_samples import LANGFUSE_RECORDS, attributes, jsonl, span, spans

from insource.logs.importers.registry import importer
from insource.testing.importers import read
from insource.types import Usage


def usage_of(name, data):
    [outcome] = read(importer(name), data)
    return outcome.call.usage


def used(read, answered, cached=None, written=None, reasoning=None):
    return Usage(
        input_tokens=read,
        output_tokens=answered,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
    )


LANGFUSE = {
    "Langfuse's names": ({"input": 20, "output": 10, "total": 30}, used(20, 10)),
    "without a total": ({"input": 20, "output": 10}, used(20, 10)),
    "OpenAI's names": (
        {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940, "cache_read_input_tokens": 200},
        used(900, 40, cached=200),
    ),
    "OpenAI's names, without a total": (
        {"prompt_tokens": 900, "completion_tokens": 40, "cache_read_input_tokens": 200},
        used(900, 40, cached=200),
    ),
    "OpenAI's details, nested": (
        {
            "prompt_tokens": 900,
            "completion_tokens": 40,
            "total_tokens": 940,
            "prompt_tokens_details": {"cached_tokens": 200},
            "completion_tokens_details": {"reasoning_tokens": 30},
        },
        used(900, 40, cached=200, reasoning=30),
    ),
    "one count in two spellings": (
        {
            "prompt_tokens": 900,
            "completion_tokens": 40,
            "total_tokens": 940,
            "cache_read_input_tokens": 200,
            "prompt_tokens_details": {"cached_tokens": 200},
        },
        used(900, 40, cached=200),
    ),
    "details on top, as Langfuse writes OpenAI's": (
        {"input": 36, "input_cached_tokens": 64, "output": 6, "output_reasoning_tokens": 4, "total": 110},
        used(100, 10, cached=64, reasoning=4),
    ),
    "details on top, without a total": (
        {"input": 36, "input_cached_tokens": 64, "output": 6, "output_reasoning_tokens": 4},
        used(100, 10, cached=64, reasoning=4),
    ),
    "Anthropic's cache on top": (
        {
            "input": 30,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 10,
            "output": 9,
            "total": 109,
        },
        used(100, 9, cached=60, written=10),
    ),
    "Anthropic's cache of two lifetimes": (
        {"input": 30, "input_cache_creation_5m": 7, "input_cache_creation_1h": 3, "output": 9},
        used(40, 9, written=10),
    ),
    "a total beyond its parts": ({"input": 100, "output": 20, "total": 150}, used(100, 50)),
    "thoughts on top": (
        {"input": 100, "output": 20, "total": 150, "thoughts_token_count": 30},
        used(100, 50, reasoning=30),
    ),
    "thoughts within": (
        {"input": 100, "output": 50, "total": 150, "output_reasoning_tokens": 30},
        used(100, 50, reasoning=30),
    ),
    "audio and images on top": (
        {"input": 30, "input_audio_tokens": 5, "input_image": 7, "output": 9, "total": 51},
        used(42, 9).model_copy(update={"audio_input_tokens": 5}),
    ),
    "thoughts alone": ({"input": 20, "output_reasoning_tokens": 10}, used(20, 10, reasoning=10)),
    "a cache alone": ({"input_cached_tokens": 20, "output": 10}, used(20, 10, cached=20)),
    "an embedding": ({"input": 20}, used(20, None)),
    "a kind that is neither": ({"input": 20, "output": 10, "searches": 2}, used(20, 10)),
    "a cache larger than the input": (
        {"prompt_tokens": 3, "completion_tokens": 9, "cache_read_input_tokens": 60},
        used(63, 9, cached=60),
    ),
}


@pytest.mark.parametrize("name", LANGFUSE)
def test_usage_details_of_langfuse(name):
    details, expected = LANGFUSE[name]
    assert usage_of("langfuse", jsonl(LANGFUSE_RECORDS[0] | {"usageDetails": details})) == expected


OTEL = {
    "the conventions": (
        {"usage.input_tokens": 100, "usage.output_tokens": 9, "usage.cache_read.input_tokens": 60},
        used(100, 9, cached=60),
    ),
    "a cache on top": (
        {
            "usage.input_tokens": 4,
            "usage.output_tokens": 9,
            "usage.cache_read.input_tokens": 60,
            "usage.cache_creation.input_tokens": 30,
        },
        used(94, 9, cached=60, written=30),
    ),
    "pydantic-ai's details": (
        {
            "usage.input_tokens": 100,
            "usage.output_tokens": 40,
            "usage.details.cache_read_tokens": 60,
            "usage.details.reasoning_tokens": 30,
        },
        used(100, 40, cached=60, reasoning=30),
    ),
    "a total with thoughts": (
        {"usage.input_tokens": 100, "usage.output_tokens": 9, "usage.total_tokens": 139},
        used(100, 39),
    ),
}


@pytest.mark.parametrize("name", OTEL)
def test_usage_of_spans(name):
    counts, expected = OTEL[name]
    told = attributes(
        gen_ai__request__model="m", **{f"gen_ai__{key}": count for key, count in counts.items()}
    )
    assert usage_of("otel", jsonl(spans(span(1, told)))) == expected
