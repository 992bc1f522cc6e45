import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.rng import generator
from insource.routing.cascade import decide, fit_policy

SCORES = st.lists(st.tuples(st.none() | st.floats(0, 1), st.booleans()), max_size=120)


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
    assert "About 1 more calibration document would support it" in policy.reason
    assert fitted([(0.9, True)] * 29).basis == "guaranteed"


def test_one_error_among_the_surest_is_no_veto():
    surest = [(1 - i / 1000, i != 3) for i in range(200)]
    policy = fitted([*surest, *((i / 1000, i % 2 == 0) for i in range(125))])
    assert policy.basis == "guaranteed"
    assert policy.expected_local_share >= 0.6


def ranked(n, share_wrong):
    """Answers of which a share is wrong, evenly spread over the confidences."""
    return [(1 - i / n, (i + 1) % round(1 / share_wrong) != 0) for i in range(n)]


def test_an_infeasible_bound_says_how_many_documents_support_it():
    documents = ranked(100, 0.05)
    policy = fitted(documents)
    assert policy.basis == "infeasible"
    more = int(re.search(r"About ([\d,]+) more calibration documents", policy.reason)[1].replace(",", ""))
    assert 0 < more < 500
    # The same documents over and over: their answers stay as often right.
    times = math.ceil((100 + more) / 100)
    assert fitted(
        [(sure - copy / 1e6, right) for copy in range(times) for sure, right in documents]
    ).basis == ("guaranteed")


def test_answers_of_one_confidence_are_all_counted_in_the_advice():
    """They are accepted together, so the order in which they stand says nothing about the surest of them."""
    tied = [(0.5, True)] * 50 + [(0.5, False)] * 10
    assert "More calibration documents alone are not expected to help." in fitted(tied).reason
    better = [(0.5, True)] * 57 + [(0.5, False)] * 3
    assert fitted(better).basis == "infeasible"
    found = re.search(r"About (\d+) more calibration documents", fitted(better).reason)
    assert fitted(better * math.ceil(1 + int(found[1]) / 60)).basis == "guaranteed"


@pytest.mark.parametrize(("max_error", "delta"), [(0.025, 0.025), (0.005, 0.001), (0.125, 0.07)])
def test_a_bound_is_printed_as_it_is(max_error, delta):
    """Rounded, 2.5 % would read "at most 2%", and 99.9 % confidence "100%"."""
    reason = fitted([(0.9, True)] * 3000, max_error, delta).reason
    assert f"at most {100 * max_error:g}% wrong" in reason
    assert f"with {100 - 100 * delta:g}% confidence" in reason


def test_an_infeasible_bound_names_the_one_that_holds_and_that_it_is_no_guarantee_yet():
    policy = fitted(ranked(400, 0.1), max_error=0.1)
    bound = int(re.search(r"A bound of (\d+)% would hold", policy.reason)[1]) / 100
    assert fitted(ranked(400, 0.1), max_error=bound).basis == "guaranteed"
    assert fitted(ranked(400, 0.1), max_error=bound - 0.01).basis == "infeasible"
    assert "calibrate on fresh ones" in policy.reason
    assert "More calibration documents alone are not expected to help." in policy.reason


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
