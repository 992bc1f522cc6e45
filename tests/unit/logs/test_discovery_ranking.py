"""The ten points: what earns them, what rules a group out, in words that are true."""

import pytest

from insource.logs.discovery import ranking
from insource.logs.discovery.evidence import Evidence
from insource.logs.discovery.prompts import read_prompt
from insource.logs.discovery.reading import Payload, UntaggedCall
from insource.logs.discovery.templates import Template

TEMPLATE = Template(segments=("\x02u Sort the stone:",))


def evidence(answers, **fields):
    """One call an answer, every input different unless told otherwise."""
    made = Evidence()
    for number, answer in enumerate(answers):
        request = {"messages": [{"role": "user", "content": f"Sort the stone: basalt {number}"}]}
        request |= fields.get("request", {})
        defaults = {
            "call_id": str(number),
            "started_at": number + 1,
            "model": "m",
            "ok": True,
            "cost_nano_usd": 5,
            "output_tokens": 20,
            "latency_s": 2.0,
            "prompt": read_prompt(request),
        }
        given = {name: value for name, value in fields.items() if name != "request"}
        made.add(UntaggedCall(**defaults | given, payload=Payload(response_text=answer)), TEMPLATE)
    return made


def points(made):
    return {signal.name: (signal.points, signal.reason) for signal in ranking.signals(made)}


def test_labels_get_all_their_points():
    found = points(evidence(["Granite.", "basalt", " slate "] * 120))
    assert found["form"] == (4, "100 % of the answers are one of 3 labels")
    assert found["grounded"][0] == 2
    assert found["short"] == (2, "length of the answers 20 (tokens, median)")
    assert found["inputs"] == (1, "360 different inputs")
    assert found["latency"] == (1, "callers wait 2.0 s (median)")


def test_many_labels_are_labels_when_they_come_again():
    assert points(evidence([f"label_{n % 150}" for n in range(900)]))["form"][0] == 4
    assert points(evidence([f"label_{n}" for n in range(150)]))["form"] == (0, "the answers are free text")


def test_one_set_of_keys_and_values_from_the_prompt():
    found = points(evidence([f'{{"kind": "basalt", "number": {n}}}' for n in range(50)]))
    assert found["form"] == (4, "100 % of the answers are JSON with the same 2 keys")
    assert found["grounded"] == (2, "100 % of 80 values in 40 answers occur in the prompt")
    assert found["inputs"] == (0, "50 different inputs, fewer than 300")
    invented = points(evidence(['{"kind": "granite"}'] * 50))
    assert invented["grounded"] == (0, "0 % of 40 values in 40 answers occur in the prompt")


def test_json_of_many_shapes_is_called_what_it_is():
    found = points(evidence([f'{{"a": 1, "b{n % 9}": 2}}' for n in range(90)]))
    assert found["form"] == (2, "100 % of the answers are JSON, in 9 sets of keys")


def test_free_text_constant_answers_and_nothing_known():
    assert points(evidence([f"Well, number {n} is a long story." * 3 for n in range(30)]))["form"][0] == 0
    assert points(evidence(["ok"] * 30))["form"] == (0, "the answer is always the same")
    unknown = points(evidence([""] * 30, output_tokens=None, latency_s=None))
    assert unknown["form"] == (0, "no answer is recorded")
    assert unknown["short"] == (0, "the length of the answers is unknown")
    assert unknown["latency"] == (0, "the latency is unknown")


IMAGE = {"type": "image_url", "image_url": {"url": "x"}}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"request": {"tools": [{"function": {"name": "look"}}]}},
            "100 % of the calls offer tools or call them",
        ),
        (
            {
                "request": {
                    "messages": [
                        {"role": "user", "content": [{"type": "text", "text": "Sort the stone:"}, IMAGE]}
                    ]
                }
            },
            "100 % of the calls contain images, files or audio",
        ),
        (
            {
                "request": {
                    "messages": [
                        {"role": role, "content": "Sort the stone: a"}
                        for role in ("user", "assistant", "user")
                    ]
                }
            },
            "100 % of the calls are conversations of several turns",
        ),
    ],
    ids=["tools", "images", "conversation"],
)
def test_what_rules_a_group_out(fields, reason):
    found = ranking.obstacles(evidence(["granite", "basalt"] * 20, **fields))
    assert reason in found
    assert ranking.verdict(10, found) == "not narrow"


def test_a_prompt_that_never_varies_needs_no_model():
    same = {"messages": [{"role": "user", "content": "Sort the stone: the same one"}]}
    found = ranking.obstacles(evidence(["granite", "basalt"] * 20, request=same))
    assert found == ("only 1 input: the answers can be cached, no model is needed",)


def test_failed_calls_and_repeated_inputs_are_noted():
    assert ranking.notes(evidence(["granite"] * 20)) == ()
    assert ranking.notes(evidence(["granite"] * 20, ok=False)) == ("100 % of the calls have no whole answer",)


def test_the_verdict_by_points():
    assert [ranking.verdict(fit, ()) for fit in (3, 4, 6, 7)] == [
        "not narrow",
        "perhaps",
        "perhaps",
        "narrow",
    ]


def test_evidence_of_versions_adds_up():
    one, other = evidence(["granite"] * 20), evidence(['{"a": 1}'] * 30, cost_nano_usd=None)
    both = Evidence()
    both.merge(one)
    both.merge(other)
    assert (both.calls, both.unpriced, both.answers, both.documents) == (50, 30, 50, 30)
    assert both.cost_nano_usd == 100
    assert both.distinct_inputs == 30
    assert (both.first, both.last) == (1, 30)
