import pytest

from insource.foundation.errors import ProviderError, UserError
from insource.models.control_tokens import ControlTokens
from insource.models.llamacpp import LlamaCppModel, from_wire, to_wire
from insource.models.protocol import Request
from insource.types import Message, Usage

MESSAGES = (Message(role="system", content="s"), Message(role="user", content="u"))


def test_every_request_states_adapter_and_sampling():
    """Without the adapter's scale llama.cpp may reuse another adapter's KV cache."""
    body = to_wire(Request(messages=MESSAGES, max_tokens=5), [1, 7], [{"id": 0, "scale": 1.0}])
    assert body == {
        "prompt": [1, 7],
        "max_tokens": 5,
        "temperature": 0.0,
        "seed": 0,
        "cache_prompt": True,
        "lora": [{"id": 0, "scale": 1.0}],
    }


def test_grammar_and_logprobs_go_only_when_asked_for():
    body = to_wire(
        Request(messages=MESSAGES, max_tokens=5, grammar="%llguidance {}", top_logprobs=3), [1], []
    )
    assert body["grammar"] == "%llguidance {}"
    assert body["logprobs"] == 3


def test_an_answer_with_its_tokens():
    entry = {
        "id": 7,
        "token": "é",
        "bytes": [195, 169],
        "logprob": -0.1,
        "top_logprobs": [{"id": 7, "logprob": -0.1}, {"id": 8, "logprob": -2.5}],
    }
    answer = {
        "choices": [{"text": "é", "finish_reason": "length", "logprobs": {"content": [entry]}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    completion = from_wire(answer, "m", 0.25)
    (token,) = completion.tokens
    assert (token.id, token.bytes, token.logprob) == (7, "é".encode(), -0.1)
    assert token.top == ((7, -0.1), (8, -2.5))
    assert (completion.finish_reason, completion.latency_s) == ("length", 0.25)
    assert completion.usage == Usage(input_tokens=3, output_tokens=1)


def test_a_token_without_candidates_or_bytes_is_kept_as_such():
    entry = {"id": 1, "token": "a", "logprob": -1.0}
    answer = {"choices": [{"text": "a", "logprobs": {"content": [entry]}}]}
    (token,) = from_wire(answer, "m", 0.1).tokens
    assert (token.bytes, token.top) == (b"a", ())


def test_logprobs_may_be_null():
    answer = {"choices": [{"text": None, "logprobs": None}]}
    completion = from_wire(answer, "m", 0.1)
    assert (completion.text, completion.tokens) == ("", ())


@pytest.mark.parametrize(
    "answer", [{}, {"choices": []}, {"choices": [{}]}, {"choices": None}, {"choices": [None]}]
)
def test_an_answer_without_a_choice_is_an_error_not_a_crash(answer):
    with pytest.raises(ProviderError) as caught:
        from_wire(answer, "m", 0.1)
    assert caught.value.code == "engine-bad-answer"


def test_a_local_model_is_never_elsewhere():
    with pytest.raises(UserError, match="local-only"):
        LlamaCppModel("m", "http://192.168.0.9:8080", ControlTokens({}))


def test_an_engine_that_is_gone_is_unreachable():
    with (
        LlamaCppModel("m", "http://127.0.0.1:9", ControlTokens({})) as model,
        pytest.raises(ProviderError) as caught,
    ):
        model.generate(Request(messages=MESSAGES, max_tokens=1))
    assert caught.value.code == "engine-unreachable"
