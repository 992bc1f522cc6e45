"""A decision model over real HTTP on loopback, in both contracts."""

import json

import pytest
from support.scripted_provider import ScriptedProvider

from insource.foundation.errors import ProviderError, UserError
from insource.models.decisions.client import DecisionModel
from insource.models.decisions.questions import Unaskable, questions_of
from insource.models.protocol import Request
from insource.types import JsonSchema, Labels, Message, Text, Usage

LABELS = questions_of(Labels(names=("billing", "technical")), "Route the ticket.")
FIELDS = questions_of(
    JsonSchema(
        definition={
            "type": "object",
            "properties": {
                "urgent": {"type": "boolean", "description": "It cannot wait."},
                "tone": {"enum": ["calm", "angry"]},
                "phases": {"type": ["integer", "null"], "enum": [1, 3, None]},
                "paid": {"type": ["boolean", "null"]},
            },
        }
    ),
    "Read the ticket.",
)
DOCUMENT = "I was charged twice."


def request(attributes=None):
    asked = (Message(role="system", content="?"), Message(role="user", content=DOCUMENT))
    return Request(messages=asked, max_tokens=1, document=DOCUMENT, attributes=attributes)


def ask(provider, contract, questions, attributes=None):
    model = DecisionModel(
        "vendor/decider", provider.url, "secret", "cloud-allowed", contract=contract, questions=questions
    )
    return model.generate(request(attributes))


def choice(option, probabilities, name=None):
    answer = {"type": "choice", "choice": option, "confidence": 0.8}
    if name is None:
        return answer | {"probabilities": probabilities}
    listed = [{"value": one, "probability": p} for one, p in probabilities.items()]
    return answer | {"name": name, "probabilities": listed}


SURE = {"technical": 0.25, "billing": 0.75}
FIELD_ANSWERS = {
    "urgent": {"noul": 0.1},
    "tone": choice("angry", {"calm": 0.2, "angry": 0.8}),
    "phases": choice("3", {"1": 0.05, "3": 0.95, "null": 0.0}),
    "paid": choice("null", {"true": 0.1, "false": 0.3, "null": 0.6}),
}


def openai_answers(by_name):
    found = []
    for name, one in by_name.items():
        if "noul" in one:
            found.append({"type": "predicate", "name": name, "probability": one["noul"]})
        else:
            found.append(choice(one["choice"], one["probabilities"], name))
    return found


def systemone_answers(by_name):
    return {name: {"type": "noul", **one} if "noul" in one else one for name, one in by_name.items()}


ANSWERS = {"openai": openai_answers, "systemone": systemone_answers}
CONTRACTS = ("openai", "systemone")


def said(contract, by_name, **more):
    answers = ANSWERS[contract](by_name)
    return {"model": "decider-2", "answers": answers, "usage": {"input_tokens": 90}, **more}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_label_with_its_probabilities(contract):
    with ScriptedProvider((200, said(contract, {"label": choice("billing", SURE)}))) as provider:
        completion = ask(provider, contract, LABELS)
    assert completion.text == "billing"
    assert completion.confidence == 0.75
    assert list(completion.label_probabilities.items()) == [("billing", 0.75), ("technical", 0.25)]
    assert completion.usage == Usage(input_tokens=90, output_tokens=0)
    assert (completion.model, completion.finish_reason) == ("decider-2", "stop")
    assert completion.latency_s > 0


def test_the_requests_as_the_providers_read_them():
    with ScriptedProvider((200, said("openai", {"label": choice("billing", SURE)}))) as provider:
        ask(provider, "openai", LABELS)
    assert provider.seen == [
        (
            "/v1/decisions",
            "Bearer secret",
            {
                "model": "decider",
                "input": DOCUMENT,
                "questions": [
                    {
                        "type": "choice",
                        "name": "label",
                        "instructions": "Route the ticket.",
                        "choices": [{"value": "billing"}, {"value": "technical"}],
                    }
                ],
            },
        )
    ]
    with ScriptedProvider((200, said("systemone", FIELD_ANSWERS))) as provider:
        ask(provider, "systemone", FIELDS)
    ((path, _, body),) = provider.seen
    assert (path, body["model"], body["state"]) == ("/v1/systemone", "decider", DOCUMENT)
    assert body["questions"]["urgent"] == {
        "type": "noul",
        "instructions": "Read the ticket.\nField: urgent. It cannot wait.",
    }
    assert body["questions"]["paid"] == {
        "type": "choice",
        "instructions": "Read the ticket.\nField: paid.",
        "criteria": {"true": None, "false": None, "null": "The document does not say."},
    }


@pytest.mark.parametrize("contract", CONTRACTS)
def test_fields_are_answered_in_the_order_of_the_schema_with_the_lowest_confidence(contract):
    backwards = dict(reversed(FIELD_ANSWERS.items()))
    with ScriptedProvider((200, said(contract, backwards))) as provider:
        completion = ask(provider, contract, FIELDS)
    assert completion.text == '{"urgent":false,"tone":"angry","phases":3,"paid":null}'
    assert completion.field_confidences == {"urgent": 0.9, "tone": 0.8, "phases": 0.95, "paid": 0.6}
    assert completion.confidence == 0.6
    assert completion.label_probabilities == {}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_only_the_fields_that_are_asked_for(contract):
    with ScriptedProvider((200, said(contract, {"tone": FIELD_ANSWERS["tone"]}))) as provider:
        assert ask(provider, contract, FIELDS, ("tone",)).text == '{"tone":"angry"}'
    assert len(provider.seen[0][2]["questions"]) == 1


@pytest.mark.parametrize("contract", CONTRACTS)
@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({}, "provider-bad-answer"),
        ({"label": choice("sales", {"sales": 1.0})}, "provider-bad-answer"),
        ({"label": {"noul": 0.7}}, "provider-bad-answer"),
        ({"desk": choice("billing", SURE)}, "provider-bad-answer"),
    ],
)
def test_an_answer_to_something_else_is_an_error(contract, answers, code):
    with ScriptedProvider((200, said(contract, answers))) as provider, pytest.raises(ProviderError) as caught:
        ask(provider, contract, LABELS)
    assert caught.value.code == code


@pytest.mark.parametrize("body", ["<html>", "[]", "null"])
def test_no_json_object_is_an_error(body):
    with ScriptedProvider((200, body)) as provider, pytest.raises(ProviderError) as caught:
        ask(provider, "openai", LABELS)
    assert caught.value.code == "provider-bad-answer"


def test_a_declined_question_is_a_refusal_that_was_charged_for():
    answers = {"model": "m", "answers": [{"type": "refusal", "name": "label"}], "usage": {"input_tokens": 70}}
    with ScriptedProvider((200, answers)) as provider:
        found = ask(provider, "openai", LABELS)
    assert (found.text, found.finish_reason, found.usage.input_tokens) == ("", "content_filter", 70)


@pytest.mark.parametrize(
    ("status", "code"), [(422, "document-refused"), (401, "provider-refused"), (404, "provider-refused")]
)
def test_the_provider_s_errors(status, code):
    with ScriptedProvider((status, "no")) as provider, pytest.raises(ProviderError) as caught:
        ask(provider, "systemone", LABELS)
    assert caught.value.code == code
    assert "secret" not in caught.value.message


def test_local_only_is_refused_before_a_byte_leaves():
    with pytest.raises(UserError) as caught:
        DecisionModel(
            "v/m", "https://api.typesafe.ai/v1", "k", "local-only", contract="systemone", questions=LABELS
        )
    assert caught.value.code == "local-only"


def fields(**properties):
    return JsonSchema(definition={"type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (Text(), "writes no text"),
        (Labels(names=tuple(map(str, range(256)))), "256 options"),
        (fields(a={"type": "string"}), "field a is neither"),
        (fields(a={"type": "boolean"}, b={"type": "array", "items": {"enum": [1]}}), "field b is neither"),
        (fields(a={"enum": ["1", 1]}), "spelled the same"),
        (JsonSchema(definition={"type": "array", "items": {"enum": ["a"]}}), "no object"),
    ],
)
def test_what_cannot_be_asked_says_why(output, reason):
    with pytest.raises(Unaskable, match=reason):
        questions_of(output, "?")


def test_both_contracts_ask_about_every_option_once():
    from insource.models.decisions.contracts import WIRES

    asked = {contract: WIRES[contract].body("m", "d", FIELDS.asked)["questions"] for contract in CONTRACTS}
    options = {one["name"]: [o["value"] for o in one.get("choices", ())] for one in asked["openai"]}
    assert options == {name: list(one.get("criteria", ())) for name, one in asked["systemone"].items()}
    assert json.dumps(asked["openai"]).count("The document does not say.") == 2
