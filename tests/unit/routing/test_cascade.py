import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.rng import generator
from insource.routing.cascade import decide, fit_policy

SCORES = st.lists(st.tuples(st.none() | st.floats(0, 1), st.booleans()), max_size=120)
RATES = st.floats(0.02, 0.5)


def fitted(pairs, max_error=0.1, delta=0.05, on_infeasible="cloud"):
    return fit_policy(
        [sure for sure, _ in pairs],
        [right for _, right in pairs],
        max_error=max_error,
        delta=delta,
        on_infeasible=on_infeasible,
    )


def test_a_confidence_that_ranks_well_gets_a_guaranteed_threshold():
    rng = generator(0, "test.cascade")
    sure = rng.random(400)
    policy = fitted([(float(s), bool(rng.random() < (0.99 if s > 0.4 else 0.5))) for s in sure])
    assert policy.basis == "guaranteed"
    assert 0.2 < policy.threshold < 0.6
    assert policy.expected_local_share == pytest.approx(float((sure >= policy.threshold).mean()))
    assert "at most 10% wrong" in policy.reason


def test_too_few_documents_send_everything_to_the_cloud():
    policy = fitted([(0.9, True)] * 28)
    assert (policy.threshold, policy.basis, policy.expected_local_share) == (None, "infeasible", 0.0)
    assert "at least 29 calibration documents" in policy.reason
    assert fitted([(0.9, True)] * 29).basis == "guaranteed"


def test_a_confidence_that_does_not_rank_is_infeasible():
    policy = fitted([(i / 200, i % 2 == 0) for i in range(200)])
    assert policy.basis == "infeasible"
    assert "100 of 200" in policy.reason


def test_the_median_is_a_threshold_without_a_guarantee():
    policy = fitted([(i / 10, True) for i in range(11)], on_infeasible="median")
    assert (policy.basis, policy.threshold) == ("median", 0.6)
    assert policy.reason.startswith("No guarantee.")
    assert fitted([(0.0, False)] * 9 + [(None, False)], on_infeasible="median").basis == "infeasible"


def test_documents_without_a_confidence_count_in_the_share_only():
    policy = fitted([(0.9, True)] * 60 + [(None, False)] * 40)
    assert policy.expected_local_share == pytest.approx(0.6)
    assert policy.calibration_n == 100


@given(SCORES, RATES, RATES)
def test_a_stricter_bound_never_serves_more(pairs, one, other):
    strict, loose = (fitted(pairs, max_error=rate) for rate in sorted((one, other)))
    assert strict.expected_local_share <= loose.expected_local_share


@given(SCORES, st.sampled_from(["cloud", "median"]), st.none() | st.floats(0, 1), st.floats(0, 1))
def test_decisions_are_monotone_and_agree_with_the_share(pairs, on_infeasible, confidence, more):
    policy = fitted(pairs, on_infeasible=on_infeasible)
    assert (policy.threshold is None) == (policy.basis == "infeasible")
    to, _ = decide(policy, confidence)
    if to == "local":
        assert decide(policy, max(confidence, more)) == ("local", "confident")
    if pairs:
        served = sum(decide(policy, sure)[0] == "local" for sure, _ in pairs)
        assert policy.expected_local_share == pytest.approx(served / len(pairs))


def test_every_reason():
    policy = fitted([(0.9, True)] * 60)
    assert decide(policy, 0.95) == ("local", "confident")
    assert decide(policy, 0.5) == ("cloud", "low-confidence")
    assert decide(policy, None) == ("cloud", "no-confidence")
    assert decide(policy, 1.0, "failed") == ("cloud", "local-failed")
    assert decide(policy, 1.0, "invalid") == ("cloud", "local-invalid")
    assert decide(fitted([]), 1.0) == ("cloud", "no-threshold")


def test_outcomes_must_match_confidences():
    with pytest.raises(ValueError, match="must have the same length"):
        fit_policy([0.5], [], max_error=0.1, delta=0.05, on_infeasible="cloud")
