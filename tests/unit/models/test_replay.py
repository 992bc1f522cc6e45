import pytest

from insource.foundation.errors import ProviderError
from insource.models.protocol import Request
from insource.models.replay import ReplayModel
from insource.types import Message


def prompt(text):
    return (Message(role="system", content="s"), Message(role="user", content=text))


def test_logged_answers_come_back_byte_for_byte():
    model = ReplayModel("gpt", {prompt("a"): ' {"x": 1}\n'}, {prompt("a"): 1.25})
    answer = model.generate(Request(messages=prompt("a"), max_tokens=1))
    assert (answer.text, answer.latency_s, answer.model) == (' {"x": 1}\n', 1.25, "gpt")
    assert not model.info.local


def test_an_unmeasured_latency_stays_unknown():
    model = ReplayModel("gpt", {prompt("a"): ""})
    answer = model.generate(Request(messages=prompt("a"), max_tokens=1))
    assert (answer.text, answer.latency_s) == ("", None)


def test_what_was_never_asked_is_a_failure_not_a_guess():
    with pytest.raises(ProviderError) as caught:
        ReplayModel("gpt", {}).generate(Request(messages=prompt("a"), max_tokens=1))
    assert caught.value.code == "not-logged"
