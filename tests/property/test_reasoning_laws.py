"""Reasoning before an answer changes nothing that is said of the answer, whatever it says."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from insource.contract.answers import answer_text, read_answer
from insource.contract.reasoning_field import output_of, taken_apart, trained_text
from insource.contract.validate import fits
from insource.contract.writable import unwritable
from insource.evaluation.measures.grounding import grounding
from insource.evaluation.scorers import build_scorer
from insource.gateway.tasks.local import LocalAnswerer
from insource.matching.surface import SurfaceForms
from insource.models.protocol import Request
from insource.routing.confidence import field_confidences
from insource.types import Completion, EvalRecord, Example, Message, Provenance, Task, TokenLogprob

FIELDS = {
    "volts": {"type": ["string", "null"], "x-insource": {"compare": "quantity", "unit": "V"}},
    "count": {"type": ["integer", "null"]},
    "tags": {"type": "array", "items": {"type": "string"}, "x-insource": {"list": "set"}},
}
MARKED = {"type": "string", "x-insource": {"reasoning": True}}
OUTPUT = output_of(
    {
        "type": "object",
        "properties": {"volts": FIELDS["volts"], "why": MARKED, **FIELDS},
        "additionalProperties": False,
    }
)
TASK = Task(name="t", instruction="i", output=OUTPUT)
LABEL = {"volts": "480 V", "count": 3, "tags": ["a", "b"]}
EXAMPLE = Example(
    row_id="0",
    digest="0",
    input="480 V, three of a and b",
    target=json.dumps(LABEL),
    provenance=Provenance(source="test"),
)
SCORE = build_scorer(TASK, SurfaceForms.fit([LABEL] * 20, OUTPUT.definition))

texts = st.text() | st.sampled_from(
    ["480 V", '"volts":"24 V"', "<think>", "```json", "}{", "I don't know", "\\"]
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "volts": st.none() | st.sampled_from(["480V", "0.48 kV", "24 V"]) | st.integers() | texts,
        "count": st.none() | st.integers(0, 9) | texts,
        "tags": st.lists(st.sampled_from("abc")),
        "extra": texts,
    },
)
places = st.integers(0, 4)
wrapped = st.sampled_from(["{}", "Here: {}", "```json\n{}\n```", "<think>hm</think>{}", "{} and so on"])


def with_reasoning(answer, why, place):
    items = list(answer.items())
    return dict([*items[:place], ("why", why), *items[place:]])


def text_of(answer, around):
    return around.replace("{}", json.dumps(answer, ensure_ascii=False))


@given(answers, texts | st.none(), places, wrapped)
def test_an_answer_scores_the_same_with_any_reasoning_anywhere(answer, why, place, around):
    said = text_of(with_reasoning(answer, why, place), around)
    plain = text_of(answer, around)
    assert read_answer(said, OUTPUT) == read_answer(plain, OUTPUT)
    with_, without = (SCORE(EXAMPLE, Completion(text=text)) for text in (said, plain))
    assert with_ == without
    found = [
        grounding(
            TASK,
            [EXAMPLE],
            [EvalRecord(row_id="0", status="scored", completion=Completion(text=text), score=score)],
        )
        for text, score in ((said, with_), (plain, without))
    ]
    assert found[0] == found[1]


@given(answers, texts, places)
def test_what_is_handed_on_is_the_answer_alone(answer, why, place):
    said = json.dumps(with_reasoning(answer, why, place))
    assert json.loads(answer_text(said, OUTPUT)) == answer

    class Local:
        def generate(self, request):
            return Completion(text=said)

    request = Request(messages=(Message(role="user", content="480 V"),), max_tokens=9)
    attempt = LocalAnswerer(Local(), TASK, lambda document: request, lambda completion: 1.0).answer("480 V")
    assert attempt.outcome == ("valid" if fits(answer, OUTPUT.definition) else "invalid")
    if attempt.outcome == "valid":
        assert json.loads(attempt.completion.text) == answer


@given(st.text(min_size=1))
def test_what_is_trained_is_what_the_grammar_writes_and_reads_back(why):
    target = '{"volts":"480 V","count":3,"tags":[]}'
    written = trained_text(target, why, OUTPUT)
    assert unwritable(written, OUTPUT.generated) == ""
    assert taken_apart(json.loads(written), OUTPUT) == (json.loads(target), why)


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_doubt_in_the_reasoning_is_no_doubt_in_the_answer(doubt, sure):
    pieces = [
        ('{"why":"', 1.0),
        ("480 or 24", doubt),
        ('",', doubt),
        ('"count":', 1.0),
        ("3", sure),
        ("}", 1.0),
    ]
    tokens = tuple(
        TokenLogprob(id=0, bytes=piece.encode(), logprob=math.log(p), top=((0, math.log(p)),))
        for piece, p in pieces
    )
    completion = Completion(text="".join(piece for piece, _ in pieces), tokens=tokens)
    assert field_confidences(completion, None, None, OUTPUT).keys() == {"count"}
    assert abs(field_confidences(completion, None, None, OUTPUT)["count"] - sure) < 1e-9
