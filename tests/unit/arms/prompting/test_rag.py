"""Passages of a folder in the prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arms import dataset_of, inputs_of
from support.prompted import CopyingLocal

from insource.arms.prompting.rag import FACTORY, passages_of, read_folder
from insource.config.evaluation import EvaluationSection
from insource.foundation.errors import DataError, IntegrityError, UserError
from insource.models.prompting.folder import load
from insource.models.protocol import ModelInfo
from insource.types import Completion

FACTS = {"230": "billing", "400": "technical", "110": "delivery"}


class Reading:
    """Answers with the desk that the first passage in its prompt names."""

    info = ModelInfo(name="reading", local=True)

    def generate(self, request):
        text = request.messages[-1].content
        named = [(text.index(desk), desk) for desk in FACTS.values() if desk in text]
        return Completion(text=min(named)[1] if named else "no idea")

    def count_tokens(self, messages):
        return sum(len(message.content.split()) for message in messages)


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "knowledge"
    (found / "more").mkdir(parents=True)
    for place, (number, desk) in enumerate(FACTS.items()):
        path = found / ("more" if place else ".") / f"product-{number}.md"
        path.write_text(f"Product P{number}. Calls about it go to the desk {desk}.")
    return found


@pytest.fixture
def inputs(rows, label_task, tmp_path, folder):
    lines = [
        {"id": f"q{n}", "input": f"Question {n} about product P{number} please.", "output": desk}
        for n, (number, desk) in enumerate(list(FACTS.items()) * 4)
    ]
    examples = rows.examples(lines)
    made = inputs_of(label_task, dataset_of(examples[:3], examples[3:], label_task), tmp_path)
    local = CopyingLocal(*made.engine)
    local.model = Reading()
    return made._replace(local=local, settings=EvaluationSection(knowledge=str(folder)), few=made.test)


def test_a_fact_that_only_the_folder_has_is_answered(inputs):
    (plan,) = FACTORY.make(inputs)
    with plan.model() as model:
        answers = [model.generate(plan.ask(one)).text for one in plan.examples]
    assert answers == [one.target for one in plan.examples]
    assert (plan.arm.name, plan.arm.role, plan.arm.constrained) == ("RAG + schema", "candidate", True)
    assert plan.effort.settings["passages"] == "the 3 most similar of 3, from 3 files"
    assert plan.note == ""


def test_another_folder_is_another_arm_and_the_same_one_is_read_back(inputs, folder):
    first, again = (FACTORY.make(inputs)[0] for _ in range(2))
    assert first.answers_in == again.answers_in
    (folder / "new.txt").write_text("Product P999 is new.")
    assert FACTORY.make(inputs)[0].identity != first.identity
    kept = load(first.answers_in).knowledge
    assert {one.source for one in kept.passages} == {
        "product-230.md",
        "more/product-400.md",
        "more/product-110.md",
    }


def test_files_without_a_text_are_counted_and_named(inputs, folder):
    (folder / "broken.pdf").write_bytes(b"%PDF-nothing")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden").write_text("not looked at")
    (plan,) = FACTORY.make(inputs)
    assert plan.note.startswith("3 of 6 files have no text: ")
    assert "files of the kind `.png` are not read" in plan.note
    assert plan.examples


def test_without_a_folder_in_the_configuration_it_is_not_measured(inputs):
    assert FACTORY.why_not(inputs._replace(settings=EvaluationSection())) == (
        "not measured: no folder of reference documents is configured (`evaluation.knowledge`)"
    )


def test_a_folder_that_is_not_there_and_one_without_texts_are_errors(tmp_path):
    with pytest.raises(UserError) as caught:
        read_folder(tmp_path / "none")
    assert caught.value.code == "knowledge-not-found"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("   \n")
    with pytest.raises(DataError) as caught:
        read_folder(tmp_path / "empty")
    assert caught.value.code == "knowledge-empty"
    assert caught.value.details == ("a.txt: empty-document: there is no text in it",)


def test_mistakes_show_before_a_model_is_trained(inputs, tmp_path):
    untrained = inputs._replace(local=None)
    FACTORY.verify(untrained)
    wrong = untrained._replace(settings=EvaluationSection(knowledge=str(tmp_path / "none")))
    with pytest.raises(UserError):
        FACTORY.verify(wrong)


def test_a_folder_with_a_test_document_is_an_error(inputs, folder):
    (folder / "answers.md").write_text(f"Seen before: {inputs.test[0].input} Answer: billing")
    for check in (FACTORY.make, FACTORY.verify):
        with pytest.raises(IntegrityError) as caught:
            check(inputs)
        assert caught.value.code == "index-holds-test"
        assert caught.value.details == ("answers.md",)


def test_a_document_with_a_long_passage_keeps_its_answer_s_room(inputs, folder):
    (folder / "long.md").write_text("Question about product P230 please. " * 500)
    serving = inputs.engine.serving.model_copy(update={"context_tokens": 180})
    local = CopyingLocal(*inputs.engine._replace(serving=serving))
    local.model = Reading()
    (plan,) = FACTORY.make(inputs._replace(local=local))
    with plan.model() as model:
        shown = model.shown(plan.ask(inputs.test[0]))
    assert len(shown.passages) < 3
    assert Reading().count_tokens(shown.messages) <= 180 - 75


PIECES = st.sampled_from(["A sentence here. ", "word ", "\n\n", "x" * 50, "\n", "Ü"])


@given(st.lists(PIECES, max_size=80).map("".join), st.integers(20, 200))
def test_passages_leave_nothing_out_and_keep_to_their_size(text, size):
    passages = passages_of("f", text, size)
    assert all(0 < len(passage.text) <= size for passage in passages)
    assert "".join("".join(one.text for one in passages).split()) == "".join(text.split())
