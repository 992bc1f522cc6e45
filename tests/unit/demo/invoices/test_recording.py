"""The recorded answers: each document finds its own, and a recording that does not fit is refused."""

import gzip
import json

import pytest
from support.invoice_wheel import ASK, MODEL, answer_to, charged, documents, recording, write_wheel

from insource.demo.invoices.recording import mean_cost_per_1000_usd, recorded, request_key
from insource.demo.invoices.wheel import generated
from insource.foundation.errors import IntegrityError

ASKED = {
    "model": "m",
    "messages": [{"role": "user", "content": "é\u2028"}],
    "temperature": 0,
    "max_tokens": 9,
}


def read(folder, answers=None):
    path = folder / write_wheel(folder, answers=answers).file_name
    return recorded(path, generated(path))


def test_each_document_has_its_own_answer_as_it_was_given(tmp_path):
    found = read(tmp_path)
    for number, (call, document) in enumerate(zip(found, documents(), strict=True)):
        given = answer_to(document, number)
        assert call.document.id == document["id"]
        assert (call.output, call.usage, call.latency_ms) == (
            given["output"],
            given["usage"],
            given["latency_ms"],
        )
        assert (call.model, call.prompt) == (MODEL, ASK)
    assert mean_cost_per_1000_usd(found) == pytest.approx(
        1000 * sum(charged(number) for number in range(len(found))) / len(found)
    )


def test_the_order_of_the_recording_does_not_matter(tmp_path):
    answers = [answer_to(document, number) for number, document in enumerate(documents())]
    assert read(tmp_path / "back", recording(answers[::-1])) == read(tmp_path / "forth", recording(answers))


@pytest.mark.parametrize("change", [{"temperature": 0.0}, {"top_p": None}, {"stream": True}])
def test_one_request_has_one_key_however_it_is_spelt(change):
    assert request_key(ASKED | change) == request_key(ASKED)


@pytest.mark.parametrize(
    "change", [{"temperature": 0.5}, {"model": "n"}, {"max_tokens": 8}, {"messages": []}, {"seed": 0}]
)
def test_another_request_has_another_key(change):
    assert request_key(ASKED | change) != request_key(ASKED)


def without_one(answers):
    return recording(answers[:-1])


def without_its_usage(answers):
    return recording([*answers[:-1], {key: answers[-1][key] for key in answers[-1] if key != "usage"}])


def without_its_cost(answers):
    return recording([*answers[:-1], answers[-1] | {"usage": {"prompt_tokens": 700}}])


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (without_one, "list-1-041 has no recorded answer"),
        (without_its_usage, "usage"),
        (without_its_cost, "cost"),
        (lambda answers: b"", "not enough values"),
        (lambda answers: b"no gzip", "BadGzipFile"),
        (lambda answers: recording(answers)[:-20], "EOFError"),
        (lambda answers: gzip.compress(b"{not json"), "JSONDecodeError"),
        (lambda answers: gzip.compress(json.dumps({"teacher_model": "m"}).encode()), "generation"),
    ],
)
def test_a_recording_that_does_not_fit_is_refused_with_its_reason(tmp_path, broken, why):
    answers = [answer_to(document, number) for number, document in enumerate(documents())]
    with pytest.raises(IntegrityError) as caught:
        read(tmp_path, broken(answers))
    assert caught.value.code == "invoices-unusable"
    assert why in caught.value.details[0]
