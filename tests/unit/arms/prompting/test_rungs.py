"""Prompted base models: what is planned, what is kept, what answers."""

import json

import numpy as np
import pytest
from support.arms import dataset_of, inputs_of
from support.prompted import Copying, CopyingLocal
from support.tiny_gguf import write_tiny_gguf

from insource.arms.local import Local
from insource.arms.prompting import few_shot, rungs
from insource.arms.prompting.few_shot import shots_of
from insource.arms.prompting.plans import HOPELESS_LOOKS, hopeless
from insource.arms.prompting.rungs import FACTORY
from insource.arms.prompts import described
from insource.config.evaluation import EvaluationSection
from insource.evaluation.run import never
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import evaluate_arm
from insource.foundation.errors import IntegrityError, UserError
from insource.foundation.rng import generator
from insource.models.prompting.folder import load
from insource.models.prompting.model import PromptedModel
from insource.types import Estimate, EvalRecord, JsonSchema, Reasoning, Score, SlotScore


def copying(inputs, **changes):
    """The same inputs with a model that copies; ``changes`` are fields of the engine's part."""
    local = CopyingLocal(*inputs.engine._replace(**changes))
    return inputs._replace(local=local)


@pytest.fixture
def inputs(rows, label_task, tmp_path):
    examples = rows.examples(rows.tickets(40))
    return copying(inputs_of(label_task, dataset_of(examples[:30], examples[30:], label_task), tmp_path))


def asking(inputs, *rungs, **changes):
    return inputs._replace(settings=EvaluationSection(prompted=rungs, **changes))


def plans(inputs, *rungs, **changes):
    return FACTORY.make(asking(inputs, *rungs, **changes))


def test_the_default_rungs_are_three(inputs):
    names = [plan.arm.name for plan in FACTORY.make(inputs)]
    assert names == ["base", "base + schema", "retrieved few-shot + schema"]


@pytest.mark.parametrize(
    ("rung", "name", "constrained"),
    [
        ("zero-shot free", "base", False),
        ("zero-shot", "base + schema", True),
        ("few-shot free", "few-shot", False),
        ("few-shot", "few-shot + schema", True),
        ("retrieved free", "retrieved few-shot", False),
        ("retrieved", "retrieved few-shot + schema", True),
    ],
)
def test_every_way_to_prompt_is_an_arm(inputs, rung, name, constrained):
    (plan,) = plans(inputs, rung)
    assert (plan.arm.name, plan.arm.constrained, plan.arm.role) == (name, constrained, "candidate")
    assert plan.examples == inputs.few
    request = plan.ask(inputs.test[0])
    assert (request.grammar is not None, request.top_logprobs > 0) == (constrained, constrained)
    assert plan.effort.validation_evaluations == 0
    assert plan.effort.settings["instruction"] == inputs.task.instruction


def test_without_examples_the_prompt_is_the_described_one(inputs):
    (plan,) = plans(inputs, "zero-shot")
    with plan.model() as model:
        model.generate(plan.ask(inputs.test[0]))
    (asked,) = inputs.engine.model.asked
    assert asked.messages == described(inputs.task, inputs.test[0])


def test_retrieved_examples_answer_what_fixed_ones_cannot(inputs):
    """A model that copies the last example's answer: only retrieval brings the right one."""
    right = {}
    for rung in ("few-shot", "retrieved"):
        (plan,) = plans(inputs, rung)
        with plan.model() as model:
            answers = [model.generate(plan.ask(one)).text for one in inputs.test]
        right[rung] = sum(answer == one.target for answer, one in zip(answers, inputs.test, strict=True))
    assert right["retrieved"] == len(inputs.test)
    assert right["few-shot"] < len(inputs.test) / 2


def test_the_kept_folder_answers_as_the_evaluation_does(inputs):
    """Serving and gateway open ``answers_in``; they send the messages alone."""
    (plan,) = plans(inputs, "retrieved")
    request = plan.ask(inputs.test[3])
    with plan.model() as model:
        evaluated = model.generate(request)
    inner = Copying()
    served = PromptedModel(inner, load(plan.answers_in), inner.count_tokens)
    bare = request.model_copy(update={"document": None, "attributes": None, "contract": None})
    assert served.generate(bare).text == evaluated.text
    assert inner.asked[0].messages == inputs.engine.model.asked[-1].messages


@pytest.mark.parametrize("there", [True, False])
def test_labels_are_retrieved_by_embeddings_where_they_are_there(inputs, monkeypatch, there):
    asked = []

    def embed(texts):
        asked.extend(texts)
        found = np.array([[len(text), 1.0] for text in texts], dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    monkeypatch.setattr(rungs, "embeddings_at_hand", lambda: embed if there else None)
    (plan,) = plans(inputs, "retrieved")
    assert bool(asked) == there
    with np.load(plan.answers_in / "examples.npz") as arrays:
        assert ("vectors" in arrays) == there


def test_embeddings_are_at_hand_once_they_were_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path))
    assert few_shot.embeddings_at_hand() is None


def test_documents_are_retrieved_by_characters(inputs, example_task, monkeypatch):
    monkeypatch.setattr(rungs, "embeddings_at_hand", lambda: pytest.fail("not asked for"))
    assert rungs.similarity(inputs._replace(task=example_task)) == "characters"


def test_a_prompt_is_made_once_and_again_when_its_rows_change(inputs, rows):
    (first,) = plans(inputs, "retrieved")
    (again,) = plans(inputs, "retrieved")
    (other,) = plans(inputs, "retrieved", shots=1)
    assert first.answers_in == again.answers_in != other.answers_in
    assert first.identity == again.identity != other.identity
    fewer = dataset_of(inputs.dataset.splits["train"][1:], inputs.test, inputs.task)
    (changed,) = plans(inputs._replace(dataset=fewer), "retrieved")
    assert changed.identity != first.identity


def test_a_kept_prompt_whose_rows_are_test_rows_now_is_an_error(inputs):
    """The same training rows, and a test split that has taken one of their texts."""
    (plan,) = plans(inputs, "retrieved")
    stolen = inputs.dataset.splits["train"][0].model_copy(update={"row_id": "new"})
    overlapping = dataset_of(inputs.dataset.splits["train"], (*inputs.test, stolen), inputs.task)
    for check in (FACTORY.make, FACTORY.verify):
        with pytest.raises(IntegrityError) as caught:
            check(asking(inputs._replace(dataset=overlapping), "retrieved"))
        assert caught.value.code == "index-holds-test"
    assert stolen.input in {shot.input for shot in load(plan.answers_in).examples.shots}


def test_only_training_rows_are_shown(inputs, rows, label_task):
    validation = rows.examples(rows.tickets(50))[40:]
    splits = inputs.dataset.splits | {"validation": validation, "calibration": validation}
    dataset = inputs.dataset.model_copy(update={"splits": splits})
    for plan in plans(inputs._replace(dataset=dataset), "few-shot", "retrieved"):
        shown = {shot.row_id for shot in load(plan.answers_in).examples.shots}
        assert shown <= {shot.row_id for shot in shots_of(inputs.dataset.splits["train"])}


def test_examples_show_the_reasoning_that_their_rows_have(inputs, label_task):
    text = {"type": "string"}
    output = JsonSchema(
        definition={"type": "object", "properties": {"team": text}},
        reasoning=Reasoning(name="why", definition=text),
    )
    labelled = [
        one.model_copy(update={"target": '{"team":"billing"}', "reasoning": "It says so." * (n % 2)})
        for n, one in enumerate(inputs.dataset.splits["train"])
    ]
    task = label_task.model_copy(update={"output": output})
    changed = inputs._replace(task=task, dataset=dataset_of(labelled, inputs.test, task))
    for choice in ("fixed", "retrieved"):
        shown = {one.row_id: one.target for one in rungs.examples_of(choice, changed, 4).shots}
        assert shown
        for one in labelled:
            said = '{"why":"It says so.","team":"billing"}' if one.reasoning else one.target
            assert shown.get(one.row_id, said) == said


def test_long_documents_leave_room_for_fewer_examples_and_the_note_says_so(inputs, rows, label_task):
    lines = rows.tickets(40)
    lines = [line | {"input": line["input"] + " word" * (400 * (n % 2))} for n, line in enumerate(lines)]
    examples = rows.examples(lines)
    dataset = dataset_of(examples[:30], examples[30:], label_task)
    serving = inputs.engine.serving.model_copy(update={"context_tokens": 1000})
    tight = copying(inputs._replace(dataset=dataset), serving=serving)
    (plan,) = plans(tight, "retrieved")
    assert plan.note.startswith("at most 3 examples, ")
    assert "the context has 1,000 tokens" in plan.note
    assert plan.examples


def test_examples_longer_than_the_context_are_not_measured(inputs):
    serving = inputs.engine.serving.model_copy(update={"context_tokens": 90})
    tight = copying(inputs, serving=serving)
    (plan,) = plans(tight, "retrieved")
    assert plan.note.startswith("not measured: no example fits beside the document")
    assert plan.examples == ()


@pytest.mark.parametrize("rung", ["few-shot", "retrieved"])
def test_without_training_rows_the_reason_is_given(inputs, rung):
    empty = inputs._replace(dataset=dataset_of((), inputs.test, inputs.task))
    (plan,) = plans(empty, rung)
    assert (plan.examples, plan.note) == ((), "not measured: there is no training row to show")


def test_one_training_row_is_enough(inputs):
    one = dataset_of(inputs.dataset.splits["train"][:1], inputs.test, inputs.task)
    for plan in plans(inputs._replace(dataset=one), "few-shot", "retrieved"):
        assert plan.examples
        assert plan.note == ""


def test_another_base_model_is_a_rung_and_has_no_adapter(inputs, tmp_path):
    larger = write_tiny_gguf(tmp_path / "larger.gguf")
    both = ("small", f"gguf/{larger}")
    asked = asking(inputs, "zero-shot", prompted_models=both[1:])
    (plan,) = FACTORY.make(asked)
    assert plan.arm.name == "base + schema (larger)"
    assert plan.arm.model == both[1]
    prompt = load(plan.answers_in).prompt
    assert (prompt.base, len(prompt.base_digest)) == (both[1], 64)
    (trained,) = plans(inputs, "zero-shot")
    assert trained.identity != plan.identity


def test_an_unknown_base_model_is_named(inputs):
    """Before anything is trained."""
    asked = asking(inputs._replace(local=None), "zero-shot", prompted_models=("qwen-none",))
    with pytest.raises(UserError) as caught:
        FACTORY.verify(asked)
    assert caught.value.code == "model-unknown"
    FACTORY.verify(asking(asked, "zero-shot"))


def test_no_rung_at_all_is_a_reason(inputs):
    assert FACTORY.why_not(asking(inputs)) == "not measured: `evaluation.prompted` lists none"


def scored(exact, accuracy=0.0):
    slots = [SlotScore(path="a", bucket="correct" if n < accuracy * 10 else "wrong") for n in range(10)]
    flags = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
    return EvalRecord(row_id="r", status="scored", score=Score(slots=tuple(slots), exact=exact, **flags))


@pytest.mark.parametrize(("looked", "below"), [(5, "61%"), (10, "43%")])
def test_an_arm_that_gets_nothing_right_is_hopeless_once_the_bound_says_so(looked, below):
    wrong = [scored(exact=False)] * looked
    assert f"below {below}, where 90% is expected" in hopeless(wrong, "accuracy", 0.9)
    assert hopeless(wrong, "accuracy", 0.4) == ""  # so few documents do not show that it is below 40 %
    assert hopeless(wrong, "accuracy", None) == ""
    assert hopeless(wrong[:-1], "accuracy", 0.9) == ""
    assert hopeless([*wrong, *wrong, *wrong], "accuracy", 0.9) == ""  # two looks, so that the level holds
    assert hopeless([scored(exact=True), *wrong[1:]], "accuracy", 0.9) == ""
    nearly = [scored(exact=False, accuracy=0.8)] * looked
    assert hopeless(nearly, "field_accuracy", 0.9) == ""
    assert hopeless(wrong, "hallucination_rate", 0.9) == hopeless(wrong, "macro_f1", 0.9) == ""


def test_the_bound_holds_over_both_looks():
    """An arm as good as the best is stopped in at most 5 % of draws."""
    rng, stopped, draws = generator(1, "hopeless"), 0, 4000
    for _ in range(draws):
        records = [scored(exact=False, accuracy=float(right)) for right in rng.random(10) < 0.5]
        stopped += any(hopeless(records[:n], "field_accuracy", 0.5) for n in HOPELESS_LOOKS)
    assert stopped <= 0.05 * draws


def test_a_hopeless_arm_stops_early_and_says_so(inputs, rows, label_task):
    examples = rows.examples(rows.tickets(70))
    dataset = dataset_of(examples[:30], examples[30:], label_task)
    best = Estimate(value=0.95, low=0.9, high=0.99, n=30, method="cross-validation")
    asked = inputs._replace(dataset=dataset, test=examples[30:], few=examples[30:], best_expected=best)
    (plan,) = plans(asked, "zero-shot")
    scorer = build_scorer(label_task, None)
    found = evaluate_arm(inputs.runs, dataset, label_task, "test", plan, scorer).evaluation
    assert (found.n, found.metrics["accuracy"].value) == (HOPELESS_LOOKS[0], 0.0)
    assert found.stopped.startswith("no answer of the first 5 documents is right")
    chosen = plan._replace(hopeless=never, stops="")  # it is asked about all, whatever was measured before
    assert evaluate_arm(inputs.runs, dataset, label_task, "test", chosen, scorer).evaluation.n == 40
    (good,) = plans(asked, "retrieved")
    found = evaluate_arm(inputs.runs, dataset, label_task, "test", good, scorer).evaluation
    assert (found.n, found.stopped) == (40, "")


def test_what_is_kept_can_be_read_by_people(inputs):
    (plan,) = plans(inputs, "retrieved")
    kept = json.loads((plan.answers_in / "prompt.json").read_text())
    assert kept["prompt"]["task"]["instruction"] == inputs.task.instruction
    assert isinstance(inputs.engine, Local)
