"""Every feature of JSON Schema, label sets and patterns through the real engine: what it answers fits.

The model is random, so every answer is the grammar's doing. Tokens that close a value are made likelier, or
texts without a bound would go on to the limit.
"""

import json

import pytest
from support.schema_features import FEATURES
from support.tiny_gguf import write_tiny_gguf

from insource.contract.answers import read_answer
from insource.contract.grammar import compile_grammar
from insource.contract.limits import limits
from insource.contract.validate import fits
from insource.models.llamacpp import from_wire, to_wire
from insource.models.protocol import Request
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel
from insource.types import JsonSchema, Labels, Message

SEEDS = range(4)
CLOSING, PREFERENCE = ('"', "}", "]", ","), 4.0
MAX_TOKENS = 200
LABELS = Labels(names=("he", "hello", "größe", "日本", "out of office", 'say "no"', "a\\b"))
PATTERNS = {
    "part number": r"^[A-Z]{2}-\d{3,5}$",
    "alternatives": r"^(AC|DC)( \d+ V)?$",
    "escaped": r"^\{\d\}\\?$",
    "letters of any script": r"^\p{L}{1,4}$",
}


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    gguf = write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    with ServedModel("tiny", EngineSettings(gguf=gguf, threads=1, context_tokens=512)) as served:
        client = served.model
        tokens = [client._http.post("/tokenize", {"content": text})["tokens"][0] for text in CLOSING]

        def ask(output, seed):
            request = Request(
                messages=(Message(role="user", content="Anything."),),
                max_tokens=MAX_TOKENS,
                temperature=1.0,
                seed=seed,
                grammar=compile_grammar(output).text,
            )
            body = to_wire(request, client.tokenize_prompt(request), client._lora)
            body["logit_bias"] = [[token, PREFERENCE] for token in tokens]
            return from_wire(client._http.post("/v1/completions", body), "tiny", 0.0)

        yield ask


def finished(ask, output):
    answers = [ask(output, seed) for seed in SEEDS]
    whole = [answer.text for answer in answers if answer.finish_reason == "stop"]
    assert whole, [answer.text for answer in answers]
    return whole


def repeats_a_key(text):
    repeated = []
    json.loads(text, object_pairs_hook=lambda pairs: repeated.append(len(dict(pairs)) < len(pairs)))
    return any(repeated)


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_what_the_engine_answers_fits_or_the_feature_is_named(ask, feature):
    named = {limit.part for limit in limits(feature.schema)}
    for text in finished(ask, JsonSchema(definition=feature.schema)):
        answer = read_answer(text, JsonSchema(definition=feature.schema))
        if not answer.parsed:
            assert repeats_a_key(text)
            assert any(
                "twice" in note or "undeclared" in note for note in compile_grammar(feature.schema).notes
            )
        assert json.loads(text) == answer.value
        assert fits(answer.value, feature.schema) or "grammar" in named


@pytest.mark.parametrize("feature", FEATURES.values(), ids=FEATURES)
def test_the_engine_writes_values_and_not_only_what_may_be_left_out(ask, feature):
    """With the property of the feature required, so that the answer has to go through it."""
    if "v" not in feature.schema.get("properties", {}) or feature.schema["properties"]["v"] is False:
        pytest.skip("the feature has no property of its own")
    schema = feature.schema | {"required": ["v"]}
    named = {limit.part for limit in limits(schema)}
    for text in finished(ask, JsonSchema(definition=schema)):
        assert "v" in json.loads(text)
        assert fits(json.loads(text), schema) or "grammar" in named


def test_a_label_set_is_all_that_is_answered(ask):
    found = {ask(LABELS, seed).text for seed in range(12)}
    assert found <= set(LABELS.names)
    assert len(found) > 1


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_pattern_is_honoured(ask, pattern):
    schema = {"type": "string", "pattern": pattern}
    assert all(fits(json.loads(text), schema) for text in finished(ask, JsonSchema(definition=schema)))
