import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from insource.foundation.rng import generator
from insource.stats.discrimination import (
    accuracy_at,
    aurc,
    auroc,
    brier,
    by_document,
    calibration_error,
    reliability,
)

OUTCOMES = st.lists(st.tuples(st.integers(0, 6).map(lambda n: n / 6), st.booleans()), min_size=1, max_size=60)


@given(OUTCOMES)
def test_the_areas_are_those_of_their_definitions(pairs):
    sure, right = np.array([p for p, _ in pairs]), np.array([r for _, r in pairs])
    if len(set(right.tolist())) == 2:
        assert auroc(sure, right) == pytest.approx(roc_auc_score(right, sure))
    else:
        assert np.isnan(auroc(sure, right))
    assert brier(sure, right) == pytest.approx(brier_score_loss(right, sure, pos_label=True))
    assert 0 <= aurc(sure, right) <= 1
    if right.all() or not right.any():
        assert aurc(sure, right) == pytest.approx(float(not right.any()))


def test_the_area_under_risk_and_coverage_by_hand():
    assert aurc([0.9, 0.8, 0.7], [True, False, True]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    # Two of equal confidence share their one error, whatever their order.
    assert aurc([0.5, 0.5], [True, False]) == aurc([0.5, 0.5], [False, True]) == pytest.approx(0.5)


def test_accuracy_among_the_surest():
    sure = [n / 10 for n in range(10)]
    right = [False, False, *[True] * 8]
    assert accuracy_at(0.8)(np.array(sure), np.array(right)) == 1.0
    assert accuracy_at(1.0)(np.array(sure), np.array(right)) == pytest.approx(0.8)


def test_bins_hold_everything_once():
    found = reliability(np.linspace(0, 1, 47), np.arange(47) % 3 > 0)
    assert (len(found), sum(one.n for one in found)) == (15, 47)
    assert [one.confidence for one in found] == sorted(one.confidence for one in found)
    assert reliability([], []) == ()


def test_a_part_of_what_chance_adds_is_taken_off():
    """The plain figure of a perfect confidence over few values is far from 0. What is left of it errs on the
    side of reporting too much: on average, a third of it is taken off, and never more than all of it.
    """
    rng = generator(0, "test.calibration_error")
    plain, corrected = [], []
    for _ in range(200):
        sure = rng.uniform(0.5, 1, 300)
        right = rng.uniform(size=300) < sure
        bins = reliability(sure, right)
        plain.append(sum(one.n * abs(one.confidence - one.right) for one in bins) / 300)
        corrected.append(calibration_error(sure, right))
    assert np.mean(plain) > 0.05
    assert np.mean(corrected) < 0.7 * np.mean(plain)
    assert min(corrected) >= 0


def test_a_real_calibration_error_stays():
    rng = generator(0, "test.real_error")
    sure = rng.uniform(0.8, 1, 20_000)
    right = rng.uniform(size=20_000) < sure - 0.1
    assert calibration_error(sure, right) == pytest.approx(0.1, abs=0.01)


def test_fields_of_one_document_are_drawn_together():
    """Ten fields a document that fail together: the interval is that of the documents, not of the fields."""
    rng = generator(0, "test.by_document")
    wrong = np.repeat(np.arange(60) % 6 == 0, 10)
    sure, documents = np.full(600, 0.9), np.repeat(np.arange(60), 10)
    whole = accuracy_at(1.0)
    together = by_document(whole, sure, ~wrong, documents.tolist(), rng)
    alone = by_document(whole, sure, ~wrong, list(range(600)), rng)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert together.low < 50 / 60 < together.high


def test_a_figure_that_most_draws_lack_has_no_interval():
    assert by_document(auroc, [0.5, 0.6], [True, True], ["a", "b"], generator(0, "test")) is None


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one length"):
        auroc([0.5], [True, False])
