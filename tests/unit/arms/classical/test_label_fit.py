"""A classifier is fitted, calibrated and judged on rows that it had not seen."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import LinearSVC
from support.tickets import label_rows, tickets

from insource.arms.classical import label_fit
from insource.arms.classical.label_fit import LabelRows, fit_labels, temperature_of
from insource.arms.folds import assign
from insource.models.fitted import registry
from insource.models.fitted.labels import LIKELIEST, NGRAMS, LabelModel

NEW = [text for text, _ in tickets(40, seed=9)]


def answers(model, texts=NEW):
    return [model.answer(text) for text in texts]


def test_what_was_learned_carries_over_to_new_texts():
    fit = fit_labels(label_rows(tickets(120)), (NGRAMS,))
    new = tickets(120, seed=5)
    found = answers(fit.model, [text for text, _ in new])
    right = np.mean([answer.text == label for answer, (_, label) in zip(found, new, strict=True)])
    assert right > 0.95
    assert abs(np.mean(fit.right) - right) < 0.05
    for answer in found:
        assert list(answer.label_probabilities) == sorted(
            answer.label_probabilities, key=lambda label: -answer.label_probabilities[label]
        )
        assert sum(answer.label_probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert answer.confidence == answer.label_probabilities[answer.text]
    assert fit.scored == len(label_fit.STRENGTHS[NGRAMS])
    assert set(fit.settings) == {"strength, ngrams"}


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms())
def test_the_order_of_rows_means_nothing(random):
    pairs = tickets(45)
    shuffled = list(pairs)
    random.shuffle(shuffled)
    label_fit._part.cache_clear()
    one, other = (fit_labels(label_rows(rows), (NGRAMS,)) for rows in (pairs, shuffled))
    assert answers(one.model) == answers(other.model)
    assert one.held_out == other.held_out


def test_what_is_saved_answers_the_same_to_the_last_bit(tmp_path):
    model = fit_labels(label_rows(tickets(60)), (NGRAMS,)).model
    registry.save(model, tmp_path)
    assert answers(registry.load(tmp_path)) == answers(model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.json", "labels.npz", "model.json"]
    assert type(registry.load(tmp_path)) is LabelModel


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 torn"])
def test_a_torn_file_says_what_to_type(tmp_path, damage):
    registry.save(fit_labels(label_rows(tickets(12)), (NGRAMS,)).model, tmp_path)
    (tmp_path / "labels.npz").write_bytes(damage)
    with pytest.raises(registry.DataError) as caught:
        registry.load(tmp_path)
    assert caught.value.code == "fitted-model-unreadable"


def test_a_group_is_never_on_both_sides():
    """Each group's label is told by a word of its own, so only a split group lets held-out rows be right."""
    rng = np.random.default_rng(3)
    groups = [f"layout{n}" for n in range(12)]
    label_of = dict(zip(groups, rng.permutation(["a", "b"] * 6), strict=True))
    pairs, units = [], []
    for number in range(120):
        group = groups[number % 12]
        pairs.append((f"{group} {group} {group} {number}", label_of[group]))
        units.append(group)
    assert np.mean(fit_labels(label_rows(pairs), (NGRAMS,)).right) > 0.95
    assert np.mean(fit_labels(label_rows(pairs, units), (NGRAMS,)).right) < 0.8


def test_the_temperature_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 5))
    y = np.argmax(x[:, :3] + rng.normal(size=(300, 3)), axis=1)
    fold = assign([str(n) for n in range(300)], y.tolist())
    splits = [(np.flatnonzero(fold != n), np.flatnonzero(fold == n)) for n in range(3)]
    scores = np.zeros((300, 3))
    for train, held in splits:
        scores[held] = LinearSVC(random_state=0).fit(x[train], y[train]).decision_function(x[held])
    svm = LinearSVC(random_state=0)
    theirs = CalibratedClassifierCV(svm, method="temperature", cv=splits, ensemble=False).fit(x, y)
    whole = svm.fit(x, y).decision_function(x) / temperature_of(scores, y)
    ours = np.exp(whole) / np.exp(whole).sum(axis=1, keepdims=True)
    assert np.allclose(ours, theirs.predict_proba(x), atol=5e-3)


def test_right_answers_to_few_rows_are_no_certainty():
    few, many = (fit_labels(label_rows(tickets(n)), (NGRAMS,)) for n in (30, 300))
    assert np.mean(few.right) > 0.9
    unsure, sure = (np.mean([1 - a.confidence for a in answers(fit.model)]) for fit in (few, many))
    assert 1e-3 < sure < unsure


def test_confidence_is_calibrated_where_labels_are_noisy():
    """A third of the labels is another one: confidence has to say about two thirds, not one."""
    rng = np.random.default_rng(1)
    pairs = [
        (text, label if rng.random() < 0.67 else str(rng.choice(["billing", "technical", "shipping"])))
        for text, label in tickets(600)
    ]
    fit = fit_labels(label_rows(pairs), (NGRAMS,))
    confidence = np.mean([answer.confidence for answer in answers(fit.model)])
    assert abs(confidence - 0.78) < 0.08


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "x"), ("b", "y")],
        [("same", "x"), ("same", "y")],
        [("", "x"), ("", "y"), ("  ", "x")],
        [("a", "x")] * 30 + [("b", "y")],
        [(f"t{n}", f"label {n}") for n in range(50)],
        [("\ud800", "x"), ("\x00", "y"), ("🙂" * 50, "z")],
    ],
    ids=["two rows", "one document", "empty", "rare", "a label a row", "odd texts"],
)
def test_poor_rows_give_a_model_that_answers(pairs, tmp_path):
    texts = [text for text, _ in pairs]
    fit = fit_labels(label_rows(pairs, [str(texts.index(text)) for text in texts]), (NGRAMS,))
    assert len(fit.right) == len(pairs)
    for text in ["", "\ud800", "x" * 100_000, *texts]:
        answer = fit.model.answer(text)
        assert answer.text in {label for _, label in pairs}
        assert 0 <= answer.confidence <= 1
    registry.save(fit.model, tmp_path)
    assert answers(registry.load(tmp_path)) == answers(fit.model)


def test_one_label_is_no_classification():
    with pytest.raises(ValueError, match="two labels"):
        fit_labels(label_rows([("a", "x"), ("b", "x")]), (NGRAMS,))


def test_a_label_with_one_row_is_never_held_out_right_and_spoils_no_temperature():
    pairs = [*tickets(90), ("unlike anything", "rare")]
    fit = fit_labels(label_rows(pairs), (NGRAMS,))
    alone = [one for one, label in zip(fit.held_out, fit.rows.labels, strict=True) if label == "rare"]
    assert alone != ["rare"]
    assert np.mean([answer.confidence for answer in answers(fit.model)]) > 0.8


def test_thousands_of_labels_take_seconds(monkeypatch):
    words = [f"{a}{b}" for a in "bcdfghklmn" for b in "aeiou"]
    labels = [f"{a}-{b}" for a in words[:40] for b in words]
    pairs = [(f"{label.replace('-', ' ')} {n}", label) for label in labels for n in range(3)]
    monkeypatch.setattr(label_fit, "TOO_MANY", 1_000_000)
    fit = fit_labels(label_rows(pairs), (NGRAMS,))
    assert fit.settings == {"strength, ngrams": "mean of each label"}
    assert np.mean(fit.right) > 0.9
    assert len(fit.model.answer(pairs[0][0]).label_probabilities) == LIKELIEST


def test_more_scores_than_fit_in_memory_take_evenly_spaced_rows(monkeypatch):
    monkeypatch.setattr(label_fit, "MOST", 90)
    fit = fit_labels(label_rows(tickets(120)), (NGRAMS,))
    assert Counter(fit.rows.labels).keys() == {"billing", "technical", "shipping"}
    assert len(fit.right) == 30


def test_rows_keep_their_units_when_ordered():
    rows = LabelRows(("b", "a"), ("y", "x"), ("2", "1")).ordered()
    assert rows == LabelRows(("a", "b"), ("x", "y"), ("1", "2"))
