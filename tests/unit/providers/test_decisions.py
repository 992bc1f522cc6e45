"""Answers of decision models, in both contracts: what was decided, and what it costs."""

import json
from decimal import Decimal

import pytest

from insource.providers.billing import billing_of
from insource.providers.prices import PriceTable
from insource.providers.reader import open_reader
from insource.providers.requests import SYSTEM, USER, messages_of
from insource.types import Usage

OPENAI = {
    "model": "gpt-6-luna-2026-10-06",
    "answers": [
        {
            "type": "choice",
            "name": "team",
            "choice": "billing",
            "confidence": 0.9,
            "probabilities": [
                {"value": "billing", "probability": 0.93},
                {"value": "technical", "probability": 0.07},
            ],
        },
        {"type": "predicate", "name": "urgent", "probability": 0.2},
        {
            "type": "score",
            "name": "anger",
            "score": 1.4,
            "confidence": 0.5,
            "probabilities": [{"value": 0, "label": "calm", "probability": 0.6}],
        },
    ],
    "usage": {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 0},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1030,
    },
}
SYSTEM_ONE = {
    "model": "jev-1.14.0",
    "answers": {
        "team": {
            "type": "choice",
            "choice": "billing",
            "confidence": 0.9,
            "probabilities": {"billing": 0.93, "technical": 0.07},
        },
        "urgent": {"type": "noul", "noul": 0.2},
        "anger": {
            "type": "score",
            "score": 1.4,
            "legend": {"0": "calm"},
            "confidence": 0.5,
            "probabilities": {"0": 0.6},
        },
    },
    "usage": {"input_tokens": 1000, "output_tokens": 30},
}


def read(document):
    reader = open_reader("decisions", streamed=False)
    reader.feed(document if isinstance(document, bytes) else json.dumps(document).encode())
    reader.close()
    return reader


@pytest.mark.parametrize("document", [OPENAI, SYSTEM_ONE], ids=["openai", "systemone"])
def test_several_answers_are_read_as_one_object(document):
    reader = read(document)
    assert json.loads(reader.text) == {"team": "billing", "urgent": False, "anger": 1.4}
    assert (reader.model, reader.finish_reason, reader.unread) == (document["model"], "stop", "")
    assert (reader.usage.input_tokens, reader.usage.output_tokens) == (1000, 30)
    assert reader.response == document


@pytest.mark.parametrize(
    ("answers", "text", "finish"),
    [
        ([{"type": "choice", "choice": "billing", "probabilities": []}], "billing", "stop"),
        ([{"type": "choice", "choice": True, "probabilities": []}], "true", "stop"),
        ([{"type": "predicate", "probability": 0.5}], "true", "stop"),
        ({"q": {"type": "noul", "noul": 0.49}}, "false", "stop"),
        ({"q": {"type": "score", "score": 2}}, "2", "stop"),
        ([{"type": "refusal", "name": "q"}], "", "content_filter"),
        ([{"type": "refusal", "name": "a"}, {"type": "predicate", "name": "b", "probability": 1}],
         '{"b": true}', "content_filter"),
    ],
)  # fmt: skip
def test_one_answer_is_its_value_and_a_refusal_is_no_answer(answers, text, finish):
    reader = read({"answers": answers, "model": "m", "usage": {"input_tokens": 5}})
    assert (reader.text, reader.finish_reason) == (text, finish)
    assert reader.usage == Usage(input_tokens=5, output_tokens=0)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"answers": None},
        {"answers": [None, 3, {"type": "choice"}, {"type": ["choice"]}]},
        {"answers": {"q": {"type": "noul", "noul": 1.5}, "r": {"type": "noul", "noul": True}}},
        {"answers": {"q": {"type": "score", "score": "high"}}},
        b"<html>",
        b"",
    ],
)
def test_what_is_no_decision_is_unread_and_never_raises(document):
    reader = read(document)
    assert reader.unread
    assert reader.text == ""


def test_an_error_says_what_happened():
    assert read({"error": {"message": "no such model"}}).failure(404) == "no such model"


@pytest.mark.parametrize(
    ("document", "asked", "usd"),
    [
        (OPENAI, "openai/gpt-6-luna", "0.0001"),  # $0.10 per million read, cached or not
        (SYSTEM_ONE, "jev-latest", "0.000042"),  # $0.042 per million
    ],
)
def test_only_what_was_read_is_charged(document, asked, usd):
    reader = read(document)
    priced = PriceTable().price(asked, reader.usage, billing=billing_of(reader.response))
    assert priced.cost_usd == Decimal(usd)
    assert priced.priced_by.startswith("genai-prices")


def test_the_users_price_comes_first():
    from insource.config.log import OwnPrice

    table = PriceTable({"jev-latest": OwnPrice(input=Decimal(2), output=Decimal(0))})
    priced = table.price(
        "jev-latest", Usage(input_tokens=500_000, output_tokens=9), billing=billing_of(SYSTEM_ONE)
    )
    assert (priced.cost_usd, priced.priced_by) == (Decimal(1), "insource.toml")


@pytest.mark.parametrize(
    "request_",
    [
        {
            "input": "I was charged twice.",
            "questions": [{"type": "predicate", "instructions": "Is it urgent?"}],
        },
        {
            "input": [{"role": "user", "content": [{"type": "input_text", "text": "I was charged twice."}]}],
            "questions": [{"type": "predicate", "instructions": "Is it urgent?"}],
        },
        {
            "state": "I was charged twice.",
            "questions": {"q": {"type": "noul", "instructions": "Is it urgent?"}},
        },
    ],
)
def test_the_document_and_the_questions_of_a_request(request_):
    from insource.dataset.sources.conversation import asked

    found = asked(request_, "drop")
    assert (found.input, found.prompt) == ("I was charged twice.", "Is it urgent?")


def test_a_state_that_is_an_object_is_read_as_json():
    found = list(messages_of({"state": {"a": 1}, "questions": {"q": {"instructions": "?"}}}))
    assert found == [(SYSTEM, "?"), (USER, '{"a": 1}')]
