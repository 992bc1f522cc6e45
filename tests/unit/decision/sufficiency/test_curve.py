"""A learning curve says what it is of, has a band everywhere, or says why there is none."""

import numpy as np
import pytest
from support.learning_curves import SIZES, asked_of, law

from insource.decision.sufficiency.curve import learning_curve
from insource.decision.sufficiency.losses import losses
from insource.types.sufficiency import LearningCurve

TRUTH = law(0.06, 3.0, 0.6)


def curve_of(asked, metric="accuracy", delta=0.02, **others):
    found = losses(asked, metric)
    return learning_curve(found, source="classical", arm="n-grams", reason="cheap", delta=delta, **others)


@pytest.fixture(scope="module")
def curve():
    return curve_of(asked_of(TRUTH), usd_per_row=1.5)


def test_every_size_is_a_point_with_its_interval(curve):
    assert [point.rows for point in curve.points] == list(SIZES)
    assert [point.trainings for point in curve.points] == [3, 3, 3, 3, 1]
    assert all(one.quality.low < one.quality.value < one.quality.high for one in curve.points)
    assert curve.documents == 300


def test_predictions_have_a_band_that_widens_and_go_no_further_than_four_times(curve):
    assert [one.rows for one in curve.predictions] == [800, 1600, 3200]
    widths = [one.quality.high - one.quality.low for one in curve.predictions]
    assert widths == sorted(widths)
    for one in curve.predictions:
        assert one.quality.low <= 1 - TRUTH(one.rows) <= one.quality.high


def test_doubling_has_a_gain_a_probability_and_a_price(curve):
    doubling = curve.doubling
    assert doubling.rows == 800
    assert doubling.gain.low <= TRUTH(800) - TRUTH(1600) <= doubling.gain.high
    assert 0 < doubling.probability.value < 1
    assert doubling.usd_per_point.value == pytest.approx(800 * 1.5 / (100 * doubling.gain.value))
    none, sure = (curve_of(asked_of(TRUTH), delta=delta).doubling.probability for delta in (0.5, -0.5))
    assert (none.value, sure.value) == (0, 1)
    assert curve_of(asked_of(TRUTH)).doubling.usd_per_point.value is None


def test_a_metric_that_falls_with_quality_has_the_same_curve_the_other_way_up():
    rising = curve_of(asked_of(TRUTH), "exact_match")
    falling = curve_of(asked_of(TRUTH), "hallucination_rate")
    assert falling.refused  # no document of these invents a value
    assert rising.predictions


REFUSED = {
    "few documents": (asked_of(TRUTH, documents=20), "20 documents judge it; 30 are needed"),
    "few sizes": (asked_of(TRUTH, sizes=(50, 100, 200)), "3 sizes were trained"),
    "nothing wrong": (asked_of(lambda rows: 0.0, spread=0, documents=60), "nothing is wrong after 800"),
    "all wrong": (asked_of(lambda rows: 1.0, spread=0, documents=60), "every document is as wrong"),
    "faster than any law": (
        asked_of(lambda rows: 0.30 - 0.00035 * rows, spread=0, orders=1, documents=600),
        "a power law misses what was measured after 800 examples",
    ),
    "a bump": (asked_of(lambda rows: 0.3 if rows == 400 else 0.12, spread=0), "becomes worse"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_is_extrapolated_without_a_reason(name):
    asked, reason = REFUSED[name]
    found = curve_of(asked)
    assert reason in found.refused
    assert (found.fit, found.predictions, found.doubling) == (None, (), None)
    assert found.points  # what was measured is shown


def test_no_answers_at_all():
    found = curve_of([])
    assert found.refused == "0 documents judge it; 30 are needed"


def test_documents_of_one_group_are_drawn_together():
    """Ten groups that are right or wrong as a whole: the band has to be wider than that of 300 documents."""
    groups = [f"g{at % 10}" for at in range(300)]
    alone, together = curve_of(asked_of(TRUTH)), curve_of(asked_of(TRUTH, groups=groups))
    assert "10 groups" in together.points[0].quality.method
    assert alone.points[0].quality.method != together.points[0].quality.method


def test_the_same_seed_gives_the_same_curve():
    first, second = (curve_of(asked_of(TRUTH), seed=4) for _ in range(2))
    assert first == second
    assert LearningCurve.model_validate_json(first.model_dump_json()) == first


def test_failed_documents_count_as_wrong_and_unscored_ones_not_at_all():
    asked = asked_of(TRUTH, documents=60)
    records = [list(one.records) for one in asked]
    for answered in records:
        answered[0] = answered[0].model_copy(update={"status": "unscored", "score": None})
        answered[1] = answered[1].model_copy(update={"status": "failed", "score": None})
    changed = [one._replace(records=rows) for one, rows in zip(asked, records, strict=True)]
    found = losses(changed, "accuracy")
    assert found.documents == 59
    assert not np.nan_to_num(found.quality[:, :, 0]).any()
