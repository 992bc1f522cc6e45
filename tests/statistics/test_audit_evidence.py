"""Evidence from audits keeps its promise under continuous looks, and is as fast as the reference."""

from __future__ import annotations

import numpy as np
import pytest
from support.audit_streams import (
    ALPHA,
    MARGIN,
    NEEDED,
    SLO,
    decided,
    ever,
    naive_rollback,
    rollout,
    with_predictions,
)

from insource.foundation.rng import generator
from insource.stats.bounded_mean import change_evidence, mean_evidence, ratio_losses, weighted_evidence
from insource.stats.e_process import ChangeDetector, log_evidences
from insource.stats.sample_ratio import sample_ratio_evidence

RUNS = pytest.mark.parametrize("runs", [150, pytest.param(2000, marks=pytest.mark.slow)])
# The reference's simulation: true loss, share rolled back, its median of audits, share promoted, its median.
# Between the two bounds, at 6.5 %, a promotion is neither right nor wrong.
REFERENCE = [
    (0.02, 0.0, None, 1.0, 129),
    (0.03, 0.0, None, 1.0, 201),
    (0.065, 0.60, 1798, 0.40, None),
    (0.08, 0.992, 616, 0.008, None),
    (0.10, 0.998, 224, 0.002, None),
    (0.15, 1.0, 67, 0.0, None),
    (0.25, 1.0, 22, 0.0, None),
]


def random(name):
    return generator(20261128, f"audits.{name}")


@RUNS
@pytest.mark.parametrize(("rate", "rolled_back", "after", "promoted", "promoted_after"), REFERENCE)
def test_decisions_and_their_times_are_no_worse_than_the_reference(
    rate, rolled_back, after, promoted, promoted_after, runs
):
    harm, safe = rollout(rate, min(runs, 1000), random(f"table.{rate}"))
    print(f"{rate:.1%}: rolled back {harm}; promoted {safe}")
    noise = 4 * np.sqrt(0.25 / harm.of)
    for found, share, median in ((harm, rolled_back, after), (safe, promoted, promoted_after)):
        assert abs(found.share - share) <= (noise if 0.1 < share < 0.9 else 0.03)
        if median is not None:  # the median of a sample this small is within a quarter of it
            assert found.median <= median * (1.25 if harm.of < 1000 else 1.1)


@RUNS
def test_an_a_a_canary_is_rolled_back_with_at_most_alpha_however_often_it_is_looked_at(runs):
    """At the bound itself, the worst case that is no harm; a z-test that peeks is wrong far more often."""
    harm, _ = rollout(SLO, runs, random("aa.harm"))
    _, unsafe = rollout(SLO + MARGIN, runs, random("aa.safe"))
    naive = naive_rollback(SLO, runs, random("aa.naive"))
    print(f"rolled back at the bound {harm}; promoted beyond it {unsafe}; z-test that peeks {naive}")
    assert harm.least <= ALPHA
    assert unsafe.least <= ALPHA
    assert naive.least > ALPHA


def strata(runs, n, random, wrong_in_doubtful, wrong_in_sure, doubtful=0.2):
    """Return the strata of calls (one stream a row) and whether each answer is wrong."""
    in_doubt = random.random((runs, n)) < doubtful
    return in_doubt, random.random((runs, n)) < np.where(in_doubt, wrong_in_doubtful, wrong_in_sure)


@RUNS
def test_stratified_audits_are_valid_by_their_weights_and_not_without(runs):
    """Doubtful answers are audited five times as often. The error rate of all calls is at the bound."""
    stream = random(f"strata.{runs}")
    in_doubt, wrong = strata(runs, 6000, stream, 0.17, 0.02)  # 0.2 · 0.17 + 0.8 · 0.02 = 0.05
    probability = np.where(in_doubt, 0.25, 0.05)
    audited = stream.random(wrong.shape) < probability
    weight = np.where(audited, 1 / probability, 1.0)
    evidence = weighted_evidence(np.where(audited, wrong, SLO), weight, 20.0, SLO, "above")
    k, n = (audited & wrong).cumsum(axis=1), audited.cumsum(axis=1)
    naive = ever(log_evidences(k, n, SLO, "above"))
    valid = ever(evidence)
    print(f"weighted {valid}; unweighted {naive}")
    assert valid.least <= ALPHA
    assert naive.least > 0.5


@RUNS
def test_stratified_audits_find_harm_among_the_doubtful(runs):
    stream = random(f"strata.harm.{runs}")
    in_doubt, wrong = strata(min(runs, 500), 12000, stream, 0.42, 0.02)  # a loss of 10 %
    found = {}
    for name, doubtful, sure in (("stratified", 0.25, 0.05), ("uniform", 0.09, 0.09)):  # as many audits
        probability = np.where(in_doubt, doubtful, sure)
        audited = stream.random(wrong.shape) < probability
        weight = np.where(audited, 1 / probability, 1.0)
        most = float(1 / min(doubtful, sure))
        evidence = weighted_evidence(np.where(audited, wrong, SLO), weight, most, SLO, "above")
        found[name] = ever(evidence)
    print(f"loss 10 %, in calls: stratified {found['stratified']}; uniform {found['uniform']}")
    assert found["stratified"].share > 0.95
    assert found["stratified"].median < found["uniform"].median


@RUNS
def test_a_change_of_the_audited_share_keeps_the_weights_valid_and_clipped_ones_are_not(runs):
    """A restart audits five times as many; doubtful answers are audited four times as often all the time."""
    stream = random(f"shares.{runs}")
    in_doubt, wrong = strata(min(runs, 500), 60_000, stream, 0.17, 0.02)
    share = np.where(np.arange(wrong.shape[1]) < wrong.shape[1] * 4 // 5, 0.01, 0.05)
    probability = share * np.where(in_doubt, 4, 1)
    audited = stream.random(wrong.shape) < probability
    lost = np.where(audited, wrong, SLO)
    weight = np.where(audited, 1 / probability, 1.0)
    valid = ever(weighted_evidence(lost, weight, 1 / share, SLO, "above"))
    clipped = ever(weighted_evidence(lost, np.minimum(weight, 20.0), 20.0, SLO, "above"))
    print(f"by the weights' own probabilities {valid}; clipped to those of the new share {clipped}")
    assert valid.least <= ALPHA
    assert clipped.share > 0.2


MOST_FIELDS = 30


def documents(shape, random, ratio, together):
    """Return wrong fields and fields of documents: half have one field, half have thirty.

    Small documents are wrong more often; ``ratio`` of all fields are wrong. ``together``: the fields of a
    document are all wrong or all right, the most that they can depend on each other.
    """
    large = random.random(shape) < 0.5
    fields = np.where(large, MOST_FIELDS, 1)
    in_small = min(1.0, 6 * ratio)
    in_large = ratio + (ratio - in_small) / MOST_FIELDS
    rate = np.where(large, in_large, in_small)
    wrong = np.where(random.random(shape) < rate, fields, 0) if together else random.binomial(fields, rate)
    return wrong, fields


def about_fields(wrong, fields, boundary, claim):
    return mean_evidence(ratio_losses(wrong, fields, MOST_FIELDS, boundary), boundary, claim, 0.0, 1.0)


@RUNS
@pytest.mark.parametrize("together", [False, True])
def test_audits_of_fields_keep_alpha_for_the_ratio_that_the_policy_bounds(together, runs):
    """At the bound, and beyond it for safety; one drawn field of each document tests another mean."""
    stream, shape = random(f"fields.{together}.{runs}"), (min(runs, 1000), 3000)
    wrong, fields = documents(shape, stream, SLO, together)
    harm = ever(about_fields(wrong, fields, SLO, "above"))
    unsafe = ever(about_fields(*documents(shape, stream, SLO + MARGIN, together), SLO + MARGIN, "below"))
    drawn = stream.random(shape) * fields < wrong
    k, n = drawn.cumsum(axis=1), np.arange(1, shape[1] + 1)
    naive = ever(log_evidences(k, n, SLO, "above"))
    print(f"rolled back at the bound {harm}, promoted beyond it {unsafe}; by one drawn field {naive}")
    assert harm.least <= ALPHA
    assert unsafe.least <= ALPHA
    assert naive.share > 0.9


@pytest.mark.parametrize("runs", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_audits_of_fields_find_harm_and_show_safety(runs):
    stream, shape = random(f"fields.power.{runs}"), (runs, 3000)
    harm = ever(about_fields(*documents(shape, stream, 0.15, together=False), SLO, "above"))
    safe = ever(about_fields(*documents(shape, stream, 0.02, together=False), SLO + MARGIN, "below"))
    print(f"15 % of the fields wrong: rolled back {harm}; 2 %: shown safe {safe}")
    assert harm.share > 0.99
    assert safe.share > 0.99
    assert harm.median < 150
    assert safe.median < 250


def answers(runs, n, random, rate, spread):
    """Return predicted and true errors: the chance of each is Beta with mean ``rate``, and is predicted."""
    chance = random.beta(rate / spread, (1 - rate) / spread, (runs, n))
    return chance, random.random((runs, n)) < chance


@RUNS
@pytest.mark.parametrize("claim", ["above", "below"])
@pytest.mark.parametrize("claimed", ["calibrated", "unrelated", "reversed"])
def test_a_control_variate_is_valid_however_bad_the_prediction_is(claimed, claim, runs):
    stream = random(f"control.{claimed}.{claim}.{runs}")
    predicted, wrong = answers(min(runs, 1500), 6000, stream, SLO, 0.3)
    if claimed == "unrelated":
        predicted = stream.permuted(predicted, axis=1)
    if claimed == "reversed":
        predicted = 1 - predicted
    audited = stream.random(wrong.shape) < 0.1
    found = with_predictions(predicted, audited, wrong, 0.1, SLO, claim, 1.0)
    print(f"{claimed}, {claim}: {found}")
    assert found.least <= ALPHA


@pytest.mark.parametrize("runs", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_sharp_prediction_saves_audits(runs):
    """Harm of 8 % by answers that the prediction tells from others, against the same audits without it."""
    stream = random(f"control.power.{runs}")
    predicted, wrong = answers(runs, 20000, stream, 0.08, 1.0)
    audited = stream.random(wrong.shape) < 0.1
    used = with_predictions(predicted, audited, wrong, 0.1, SLO, "above", 1.0)
    plain = decided(
        np.array([first_crossing(lost[drawn]) for lost, drawn in zip(wrong, audited, strict=True)])
    )
    print(f"with a sharp prediction {used}, without {plain}")
    assert used.median < 0.8 * plain.median


def first_crossing(wrong):
    crossed = log_evidences(wrong.cumsum(), np.arange(1, len(wrong) + 1), SLO, "above") >= NEEDED
    return int(crossed.argmax()) if crossed.any() else -1


@RUNS
@pytest.mark.parametrize("share", [0.01, 0.25, 0.5])
def test_a_right_split_is_not_alarmed_and_a_wrong_one_is(share, runs):
    stream = random(f"ratio.{share}.{runs}")
    looks = np.unique(np.geomspace(10, 20000, 120).astype(int))

    def found(true):
        assigned = (stream.random((runs, looks[-1])) < true).cumsum(axis=1)[:, looks - 1]
        logs = [
            [sample_ratio_evidence(int(k), int(n), share) for k, n in zip(one, looks, strict=True)]
            for one in assigned
        ]
        return ever(np.array(logs))

    fair, broken = found(share), found(share * 1.3)
    print(f"{share:.0%}: right split {fair}; 30 % too many {broken.share:.0%}")
    assert fair.least <= ALPHA
    assert broken.share > (0.4 if share == 0.01 else 0.99)


def alarmed_after(rates, threshold, random):
    """Return after how many observations the detector alarms, at most all of them."""
    detector, limit = ChangeDetector(SLO), np.log(threshold)
    for count, wrong in enumerate(random.random(len(rates)) < rates, start=1):
        detector.add([bool(wrong)])
        if detector.log_sum >= limit:
            return count
    return len(rates)


@pytest.mark.parametrize("runs", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_champion_at_the_bound_is_withdrawn_by_mistake_as_rarely_as_stated(runs):
    """The mean time to a false alarm at the bound itself, cut off at ten times what is promised."""
    source, promised = random("detector.aa"), 100
    times = [alarmed_after(np.full(10 * promised, SLO), promised, source) for _ in range(runs)]
    most = np.mean(times) + 3 * np.std(times) / np.sqrt(runs)
    print(f"mean time to a false alarm {np.mean(times):.0f}, promised {promised}")
    assert most >= promised


@pytest.mark.parametrize(("rate", "most"), [(0.15, 400), (0.25, 150)])
def test_a_long_good_time_does_not_make_the_detector_blind(rate, most):
    source, before = random(f"detector.{rate}"), 2000
    rates = np.concatenate([np.full(before, 0.02), np.full(1000, rate)])
    delays = [alarmed_after(rates, 100_000, source) - before for _ in range(20)]
    print(f"{rate:.0%} after 2,000 audits at 2%: alarmed after {np.median(delays):.0f} audits (median)")
    assert min(delays) > 0
    assert np.median(delays) <= most


@pytest.mark.parametrize("runs", [60, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("together", [False, True])
def test_a_champion_at_the_bound_of_its_fields_is_withdrawn_by_mistake_as_rarely_as_stated(together, runs):
    promised = 100
    wrong, fields = documents((runs, 10 * promised), random(f"detector.{together}"), SLO, together)
    times = [fields_alarmed(*one, promised) for one in zip(wrong, fields, strict=True)]
    most = np.mean(times) + 3 * np.std(times) / np.sqrt(runs)
    print(f"mean time to a false alarm {np.mean(times):.0f}, promised {promised}")
    assert most >= promised


def test_a_long_good_time_does_not_make_the_detector_of_fields_blind():
    source, before = random("detector.fields"), 2000
    good, bad = documents((20, before), source, 0.02, False), documents((20, 1000), source, 0.2, False)
    wrong, fields = (np.concatenate(pair, axis=1) for pair in zip(good, bad, strict=True))
    delays = [fields_alarmed(*one, 100_000) - before for one in zip(wrong, fields, strict=True)]
    print(f"20 % of the fields after 2,000 audits at 2 %: alarmed after {np.median(delays):.0f} (median)")
    assert min(delays) > 0
    assert np.median(delays) <= 200


def fields_alarmed(wrong, fields, threshold):
    """Return after how many audits the detector of fields alarms, at most all of them."""
    shown = change_evidence(ratio_losses(wrong, fields, MOST_FIELDS, SLO), SLO) >= np.log(threshold)
    return int(shown.argmax()) + 1 if shown.any() else len(wrong)
