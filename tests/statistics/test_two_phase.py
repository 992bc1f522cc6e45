"""The difference from labels of differing documents alone is the one from labels of all."""

import numpy as np
import pytest

from insource.foundation.rng import generator
from insource.stats.intervals import mean_t
from insource.stats.paired import paired_binary, paired_mean
from insource.stats.two_phase import labels_needed, two_phase_mean


def draw(random, documents, differs, wins):
    """Paired differences of documents: -1 or 1 where the answers differ and one of them is right."""
    differing = random.random(documents) < differs
    outcome = np.where(random.random(documents) < wins, 1.0, -1.0)
    both_wrong = random.random(documents) < 0.2
    return differing, np.where(differing & ~both_wrong, outcome, 0.0)


def test_with_every_label_it_is_the_full_mean_and_nearly_its_interval():
    random = generator(0, "two-phase")
    differing, values = draw(random, 500, 0.3, 0.4)
    found = two_phase_mean(values[differing], int(differing.sum()), 500)
    full = mean_t(values)
    assert found.value == pytest.approx(values.mean(), abs=1e-12)
    assert found.interval.low == pytest.approx(full.low, abs=2e-3)
    assert found.interval.high == pytest.approx(full.high, abs=2e-3)


@pytest.mark.parametrize(
    ("documents", "differs", "labels"), [(400, 0.3, 40), (1000, 0.15, 60), (300, 0.5, 150)]
)
def test_the_interval_covers_the_truth(documents, differs, labels):
    """Nominal 95 %: of 600 draws, at least 93 % have to cover."""
    random, wins = generator(1, f"two-phase {documents}"), 0.4
    truth = differs * 0.8 * (2 * wins - 1)
    covered = 0
    for _ in range(600):
        differing, values = draw(random, documents, differs, wins)
        among = values[differing]
        chosen = random.permutation(among)[: min(labels, len(among))]
        interval = two_phase_mean(chosen, len(among), documents).interval
        covered += interval.low <= truth <= interval.high
    assert covered >= 0.93 * 600


@pytest.mark.parametrize("wins", [0.02, 0.05])
def test_the_interval_covers_the_truth_where_few_labels_favour_one(wins):
    """Most labels say that both are wrong: the plain spread of a hundred of them is far too small."""
    random, truth, covered = generator(3, f"two-phase {wins}"), 0.3 * wins, 0
    for _ in range(600):
        differing = int(random.binomial(1000, 0.3))
        labels = (random.random(100) < wins).astype(float)
        interval = two_phase_mean(labels, differing, 1000).interval
        covered += interval.low <= truth <= interval.high
    assert covered >= 0.93 * 600


@pytest.mark.parametrize("values", [[], [1.0], [1.0, -1.0, 0.0], [0.5, 0.25, -0.1], [0.0] * 4])
def test_with_every_label_it_is_the_paired_comparison(values):
    """With nothing that differs, too: the interval of no difference has a width."""
    everything = np.array([*values, *[0.0] * (50 - len(values))])
    whole = np.isin(everything, (-1, 0, 1)).all()
    paired = (paired_binary if whole else paired_mean)(everything)
    found = two_phase_mean(values, len(values), 50)
    assert found.value == pytest.approx(paired.value)
    assert found.interval == paired.interval
    assert found.interval.low < found.interval.high


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("labels", [1, 5, 30])
def test_labels_that_are_all_alike_claim_no_certainty(value, labels):
    interval = two_phase_mean([value] * labels, 60, 200).interval
    assert interval.high - interval.low > 0.01
    assert interval.low <= 0.3 * value <= interval.high


def test_without_labels_nothing_is_known_unless_nothing_differs():
    assert np.isnan(two_phase_mean([], 10, 100).value)
    assert two_phase_mean([], 0, 100).value == 0
    with pytest.raises(ValueError, match="does not hold"):
        two_phase_mean([0.0] * 5, 4, 100)


def test_labels_needed_give_that_width():
    random = generator(2, "two-phase")
    differing, values = draw(random, 2000, 0.3, 0.4)
    among = values[differing]
    needed = labels_needed(among[:50], len(among), 2000, 0.06)
    interval = two_phase_mean(among[:needed], len(among), 2000).interval
    assert (interval.high - interval.low) / 2 == pytest.approx(0.06, abs=0.012)
    assert labels_needed(among[:50], len(among), 2000, 0.001) is None
    assert labels_needed(among[:1], len(among), 2000, 0.06) is None
