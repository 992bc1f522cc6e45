"""The evidence against a rate, checked against its definition by numerical integration."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from insource.stats.e_process import ALTERNATIVES, PRIORS, ChangeDetector, log_evidence


@pytest.mark.parametrize("claim", ["above", "below"])
@pytest.mark.parametrize(
    ("wrong", "n", "boundary"), [(0, 0, 0.05), (0, 40, 0.05), (3, 40, 0.08), (9, 30, 0.1)]
)
def test_it_is_the_mean_likelihood_ratio_under_the_prior_on_the_alternative(claim, wrong, n, boundary):
    low, high = (boundary, 1.0) if claim == "above" else (0.0, boundary)
    prior = beta(*PRIORS[claim])

    def ratio(p):
        return prior.pdf(p) * math.exp(
            wrong * math.log(p / boundary) + (n - wrong) * math.log((1 - p) / (1 - boundary))
        )

    expected = quad(ratio, low, high, limit=200)[0] / (prior.cdf(high) - prior.cdf(low))
    assert log_evidence(wrong, n, boundary, claim) == pytest.approx(math.log(expected), abs=1e-6)


def test_one_more_error_never_helps_safety_and_never_hurts_harm():
    for n in (1, 20, 200):
        safe = [log_evidence(k, n, 0.08, "below") for k in range(n + 1)]
        harm = [log_evidence(k, n, 0.05, "above") for k in range(n + 1)]
        assert all(np.diff([max(one, -1e6) for one in safe]) <= 1e-9)
        assert all(np.diff([max(one, -1e6) for one in harm]) >= -1e-9)


@pytest.mark.parametrize(("wrong", "n", "boundary"), [(2, 1, 0.1), (-1, 5, 0.1), (0, 5, 0.0), (0, 5, 1.0)])
def test_impossible_counts_are_refused(wrong, n, boundary):
    with pytest.raises(ValueError, match=r"wrong|boundary"):
        log_evidence(wrong, n, boundary, "above")


def test_the_detector_is_the_sum_over_all_starts():
    observations, boundary = [True, False, False, True, True], 0.1
    detector = ChangeDetector(boundary)
    detector.add(observations)
    sums = []
    for factor in ALTERNATIVES:
        rate = min(factor * boundary, (1 + boundary) / 2)
        ratios = [rate / boundary if one else (1 - rate) / (1 - boundary) for one in observations]
        sums.append(sum(math.prod(ratios[start:]) for start in range(len(ratios))))
    assert detector.log_sum == pytest.approx(math.log(np.mean(sums)))


def test_a_detector_without_observations_has_no_evidence():
    assert ChangeDetector(0.1).log_sum == -math.inf
    with pytest.raises(ValueError, match="boundary"):
        ChangeDetector(1.0)
