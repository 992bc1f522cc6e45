"""The tagger arm: values marked in the text, labels of the whole text, calibrated confidence, poor rows."""

import json

import numpy as np
import pytest
from support.arms import dataset_of, inputs_of
from support.orders import SCHEMA, TASK, orders

from insource.arms.classical.tagger import FACTORY
from insource.arms.classical.tagger_fit import find_words, fit_crf
from insource.foundation.errors import DataError
from insource.models.fitted import registry
from insource.models.fitted.crf import OUTSIDE, runs, tokens

TRAIN, TEST = orders(80), orders(60, seed=3)
NAMES = list(SCHEMA["properties"])
ORDER = {path: n for n, path in enumerate([*NAMES, "drink", "cups", "extras", "name"])}


def order(path):
    return [ORDER.get(key, 99) for key in path]


def same(example, text):
    return json.loads(example.target) == json.loads(text)


@pytest.fixture(scope="module")
def fit():
    return fit_crf(TRAIN, order, same)


def changed(example, **fields):
    return example.model_copy(update=fields)


def test_values_come_from_the_text_or_are_labels_of_it(fit):
    assert {field.name: field.source for field in fit.model.fields} == {
        "tone": "label",
        "order.drink": "tag",
        "order.cups": "tag",
        "order.extras": "tag",
        "order.name": "tag",
        "shop": "nothing",
    }
    answers = [fit.model.answer(one.input) for one in TEST]
    exact = np.mean([same(one, answer.text) for one, answer in zip(TEST, answers, strict=True)])
    assert exact > 0.85
    assert abs(np.mean([same(o, t) for o, t in zip(fit.examples, fit.held_out, strict=True)]) - exact) < 0.15
    assert abs(np.mean([answer.confidence for answer in answers]) - exact) < 0.15


def test_the_answer_has_the_keys_and_types_of_the_schema(fit):
    text = fit.model.answer("give me 3 cups of cocoa with honey").text
    assert text == (
        '{"tone":"rude","order":{"drink":"cocoa","cups":3,"extras":["honey"],"name":null},"shop":"corner"}'
    )
    several = json.loads(
        fit.model.answer("please could I have 4 cups of cocoa with honey and ice for Ada").text
    )
    assert several["order"]["extras"] == ["honey", "ice"]
    assert several["order"]["name"] == "Ada"


def test_only_the_fields_asked_for_are_answered(fit):
    answer = fit.model.answer("give me 3 cups of cocoa", ("tone",))
    assert answer.text == '{"tone":"rude"}'
    assert list(answer.field_confidences) == ["tone"]


def test_confidence_falls_where_the_text_is_unlike_the_training_rows(fit):
    known = fit.model.answer(TEST[0].input)
    strange = fit.model.answer("the train to Ghent leaves from platform nine and three quarters")
    assert strange.confidence < known.confidence
    for answer in (known, strange):
        assert set(answer.field_confidences) == {f.name for f in fit.model.fields if f.source != "nothing"}
        assert all(0 <= value <= 1 for value in answer.field_confidences.values())


def test_what_is_saved_answers_the_same(fit, tmp_path):
    registry.save(fit.model, tmp_path)
    again = registry.load(tmp_path)
    assert [again.answer(one.input) for one in TEST] == [fit.model.answer(one.input) for one in TEST]


@pytest.mark.parametrize(
    "damage", [lambda b: b"torn", lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"[" * 9999]
)
@pytest.mark.parametrize("name", ["tagger.crfsuite", "crf.json", "model.json", "judge-0/labels.json"])
def test_a_torn_file_says_what_to_type(fit, tmp_path, name, damage):
    """A tagger that is cut off would end the process in native code."""
    registry.save(fit.model, tmp_path)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    with pytest.raises(DataError) as caught:
        registry.load(tmp_path)
    assert caught.value.code == "fitted-model-unreadable"


def test_a_model_written_before_its_files_were_noted_is_read(fit, tmp_path):
    registry.save(fit.model, tmp_path)
    head = json.loads((tmp_path / registry.FILE).read_text())
    (tmp_path / registry.FILE).write_text(json.dumps({key: head[key] for key in ("schema_version", "kind")}))
    assert registry.load(tmp_path).answer(TEST[0].input) == fit.model.answer(TEST[0].input)


def test_the_order_of_rows_means_nothing(fit):
    again = fit_crf(TRAIN[::-1], order, same)
    assert [again.model.answer(one.input) for one in TEST] == [fit.model.answer(one.input) for one in TEST]
    assert again.held_out == fit.held_out


def test_held_out_answers_know_nothing_of_their_row():
    """Tones dealt out at random cannot be told from the text; a verdict that saw the row would know them."""
    rng = np.random.default_rng(0)

    def drawn(one):
        answer = json.loads(one.target) | {"tone": str(rng.choice(["friendly", "rude"]))}
        return changed(one, target=json.dumps(answer))

    fit = fit_crf([drawn(one) for one in TRAIN], order, same)
    right = [
        json.loads(one.target)["tone"] == json.loads(text)["tone"]
        for one, text in zip(fit.examples, fit.held_out, strict=True)
    ]
    assert np.mean(right) < 0.75


@pytest.mark.parametrize(
    "targets",
    [
        ['{"a":null}'] * 20,
        ["{}"] * 20,
        ['{"a":"nowhere"}'] * 20,
        ['{"a":{"b":"give"}}', '{"a":null}'] * 10,
        ['{"a":[{"b":1}]}'] * 20,
        ['{"a":true}', '{"a":false}'] * 10,
        ['{"a":1.5}', '{"a":"give"}'] * 10,
        ['{"a=b":"give"}'] * 20,
    ],
    ids=["null", "no field", "not there", "null object", "objects", "boolean", "mixed", "odd name"],
)
def test_poor_targets_give_a_model_that_answers(targets, tmp_path):
    rows = [changed(one, target=target) for one, target in zip(TRAIN, targets, strict=False)]
    fit = fit_crf(rows, order, same)
    registry.save(fit.model, tmp_path)
    for text in ("", "give me", "\ud800 give", "a\x00b", "x " * 5000):
        answer = registry.load(tmp_path).answer(text)
        assert isinstance(json.loads(answer.text), dict)
        assert 0 <= answer.confidence <= 1


def inputs(train, tmp_path):
    return inputs_of(TASK, dataset_of(train, TEST[:5], TASK), tmp_path)


def test_the_plan_states_effort_and_expected_figure(tmp_path):
    (plan,) = FACTORY.make(inputs(TRAIN, tmp_path))
    assert plan.expected.n == len(TRAIN)
    assert plan.expected.value > 0.9
    assert plan.effort.validation_evaluations == 1
    with plan.model() as model:
        completion = model.generate(plan.ask(TEST[0]))
    assert list(json.loads(completion.text)) == NAMES
    assert FACTORY.early


def test_long_documents_and_lists_are_reasons(tmp_path):
    long = [changed(one, input=one.input + " word" * 200) for one in TRAIN]
    assert "it reads short texts" in FACTORY.why_not(inputs(long, tmp_path))
    assert "it answers objects" in FACTORY.why_not(inputs([changed(o, target="[]") for o in TRAIN], tmp_path))
    assert (
        FACTORY.why_not(inputs(TRAIN[:5], tmp_path))
        == "not measured: it needs 20 training rows, and there are 5"
    )


def test_runs_of_tags():
    tags = ["B-a", "I-a", "B-a", "O", "I-b", "I-b", "B-c", "I-a"]
    assert list(runs(tags)) == [("a", 0, 1), ("a", 2, 2), ("b", 4, 5), ("c", 6, 6), ("a", 7, 7)]
    assert list(runs([])) == []


def test_words_are_found_once():
    words = ["the", "cat", "sat", "on", "the", "mat"]
    assert find_words(["the"], words) == 0
    assert find_words(["the"], words, ["B-x", *[OUTSIDE] * 5]) == 4
    assert find_words(["dog"], words) is None
    assert find_words([], words) is None
    assert [match[0] for match in tokens("3.5 V, a-b")] == ["3", ".", "5", "V", ",", "a", "-", "b"]
