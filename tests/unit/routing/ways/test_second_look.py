"""A second look makes an answer surer where it agrees and less sure where it does not."""

import json

import pytest

from insource.foundation.errors import ProviderError
from insource.models.protocol import ModelInfo, Request
from insource.routing.ways.second_look import SecondLookModel, in_grey_zone, looked_again, second_request
from insource.types import Completion, JsonSchema, Labels, Message

OUTPUT = JsonSchema(
    definition={
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "array", "items": {"type": "string"}}},
        "required": ["a"],
    }
)
LABELS = Labels(names=("yes", "no"))
REQUEST = Request(messages=(Message(role="user", content="?"),), max_tokens=9)


def said(value, sure=0.5, **fields):
    text = value if isinstance(value, str) else json.dumps(value)
    return Completion(text=text, confidence=sure, latency_s=1.0, field_confidences=fields)


class Scripted:
    """Answers one after the other, and remembers how it was asked."""

    info = ModelInfo(name="scripted", local=True)

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def generate(self, request):
        self.asked.append(request)
        found = self.answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def looking(*answers, zone=(0.3, 0.9), output=LABELS):
    model = Scripted(*answers)
    return SecondLookModel(model, lambda one: one, zone, output), model


@pytest.mark.parametrize(
    ("sure", "grey"), [(None, False), (0.29, False), (0.3, True), (0.89, True), (0.9, False)]
)
def test_the_grey_zone_is_from_its_first_confidence_to_below_its_second(sure, grey):
    assert in_grey_zone(sure, (0.3, 0.9)) is grey


def test_it_asks_again_at_another_temperature_and_seed_and_counts_the_time_of_both():
    model, scripted = looking(said("yes"), said("yes", 0.1))
    answer = model.generate(REQUEST)
    first, second = scripted.asked
    assert (first.temperature, second.temperature) == (0.0, 0.7)
    assert second.seed != first.seed
    assert second == second_request(REQUEST)
    assert (answer.text, answer.confidence, answer.latency_s) == ("yes", 0.75, 2.0)


@pytest.mark.parametrize(
    ("second", "sure"), [(said(" yes "), 0.75), (said("no"), 0.25), (said("I would say yes, or no"), 0.25)]
)
def test_agreement_is_about_what_is_said(second, sure):
    assert looking(said("yes"), second)[0].generate(REQUEST).confidence == sure


def test_each_field_agrees_for_itself_and_the_document_only_as_a_whole():
    first = said({"a": 1, "b": ["x"]}, 0.5, a=0.8, **{"b[0]": 0.6})
    both = looked_again(first, said({"b": ["y"], "a": 1.0}), OUTPUT)
    assert both.field_confidences == pytest.approx({"a": 0.9, "b[0]": 0.3})
    assert both.confidence == 0.25
    assert looked_again(first, said('{"b":["x"],"a":1.0}'), OUTPUT).confidence == 0.75


@pytest.mark.parametrize("first", [said("yes", 0.95), said("yes", 0.1), said("yes", None)])
def test_what_is_not_in_the_zone_is_asked_once(first):
    model, scripted = looking(first)
    assert model.generate(REQUEST) == first
    assert len(scripted.asked) == 1


def test_a_second_look_that_fails_leaves_the_answer_as_doubtful_as_it_is():
    first = said("yes")
    model, _ = looking(first, ProviderError("call-failed", "gone", hint="Again."))
    assert model.generate(REQUEST) == first
