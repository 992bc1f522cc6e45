"""A plain request becomes a whole prompt."""

import pytest
from support.prompted import Copying, prompt_of, shots_of

from insource.models.prompting.index import CharacterIndex
from insource.models.prompting.lookup import Examples, Knowledge
from insource.models.prompting.model import PromptedModel, Prompting
from insource.models.prompting.prompt import Passage
from insource.models.protocol import Request

TEXTS = ["one two three", "four five six", "seven eight nine ten"]
PASSAGES = tuple(Passage(source=f"{n}.md", text=f"fact {text}") for n, text in enumerate(TEXTS))


def prompted(task, *, knowledge=None, shots=0, texts=TEXTS, **changes):
    examples = Examples(shots_of(texts)) if shots else Examples(())
    prompt = prompt_of(task, shots=shots, **changes)
    model = Copying()
    return PromptedModel(model, Prompting(prompt, examples, knowledge), model.count_tokens), model


def plain(task, document, **fields):
    return Request(messages=task.messages(document), max_tokens=7, document=document, **fields)


def test_without_examples_it_is_the_described_prompt(label_task):
    model, asked = prompted(label_task)
    assert model.generate(plain(label_task, "hello")).text == "no idea"
    assert asked.asked[0].messages == label_task.messages("hello", describe_output=True)


def test_examples_are_turns_and_the_document_comes_last(label_task):
    model, asked = prompted(label_task, shots=2)
    assert model.generate(plain(label_task, "hello")).text == "r0"
    turns = [(message.role, message.content) for message in asked.asked[0].messages[1:]]
    assert turns == [
        ("user", TEXTS[1]),
        ("assistant", "r1"),
        ("user", TEXTS[0]),
        ("assistant", "r0"),
        ("user", "hello"),
    ]


def test_the_gateway_s_request_gets_the_same_prompt_as_the_evaluation_s(label_task):
    """The gateway sends the messages alone."""
    model, asked = prompted(label_task, shots=2)
    model.generate(plain(label_task, "hello"))
    model.generate(Request(messages=label_task.messages("hello"), max_tokens=7))
    first, second = asked.asked
    assert first.messages == second.messages


def test_the_answer_has_the_room_that_was_measured_and_the_grammar_of_the_request(label_task):
    model, asked = prompted(label_task)
    model.generate(plain(label_task, "hello", grammar="g", top_logprobs=3))
    assert (asked.asked[0].max_tokens, asked.asked[0].grammar, asked.asked[0].top_logprobs) == (64, "g", 3)
    free, unheld = prompted(label_task, constrained=False)
    free.generate(plain(label_task, "hello", grammar="g"))
    assert unheld.asked[0].grammar is None


def test_fields_asked_for_stand_in_the_prompt(example_task):
    model, asked = prompted(example_task)
    model.generate(plain(example_task, "a pump", attributes=("model",)))
    assert asked.asked[0].messages[-1].content == "a pump\nFields: model"


def test_a_document_with_its_own_schema_is_told_it_and_gets_no_examples(example_task):
    """The answers of the examples have the task's form."""
    model, asked = prompted(example_task, shots=2)
    own = {"type": "object", "properties": {"flow": {"type": "string"}}}
    model.generate(plain(example_task, "a pump", contract=own))
    assert len(asked.asked[0].messages) == 2
    assert '"flow"' in asked.asked[0].messages[0].content


@pytest.mark.parametrize("shown", [3, 2, 1, 0])
def test_the_least_similar_examples_give_way_to_the_document(label_task, shown):
    """The context is as long as the prompt with so many examples and an answer; one token less costs one."""
    count = Copying().count_tokens
    whole, _ = prompted(label_task, shots=3)
    kept = whole.shown(plain(label_task, "hello")).shots[3 - shown :]
    needed = count(prompt_of(label_task).messages("hello", shots=kept)) + 64
    model, _ = prompted(label_task, shots=3, context_tokens=needed)
    assert model.shown(plain(label_task, "hello"))[1::2] == (kept, 3 - shown)
    if shown:
        less, _ = prompted(label_task, shots=3, context_tokens=needed - 1)
        assert len(less.shown(plain(label_task, "hello")).shots) == shown - 1


def test_passages_stand_beside_the_document(label_task):
    knowledge = Knowledge(PASSAGES, (CharacterIndex.of([one.text for one in PASSAGES]),))
    model, asked = prompted(label_task, knowledge=knowledge, passages=1)
    model.generate(plain(label_task, "four five"))
    last = asked.asked[0].messages[-1].content
    assert "[1.md]\nfact four five six" in last
    assert last.endswith("four five")
    assert asked.asked[0].messages[0] == label_task.messages("", describe_output=True)[0]


def test_examples_give_way_before_passages_do(label_task):
    knowledge = Knowledge(PASSAGES, (CharacterIndex.of([one.text for one in PASSAGES]),))
    model, _ = prompted(label_task, knowledge=knowledge, passages=1, shots=3, context_tokens=64 + 40)
    shown = model.shown(plain(label_task, "four five"))
    assert len(shown.shots) < 3
    assert len(shown.passages) == 1
    model, _ = prompted(label_task, knowledge=knowledge, passages=3, shots=3, context_tokens=64 + 5)
    shown = model.shown(plain(label_task, "four five"))
    assert (shown.shots, shown.passages) == ((), ())


def test_the_time_includes_the_look_up(label_task, monkeypatch):
    from insource.models.prompting import model as module

    ticks = iter([10.0, 12.5])
    model, _ = prompted(label_task)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(ticks))
    assert model.generate(plain(label_task, "hello")).latency_s == 2.5
