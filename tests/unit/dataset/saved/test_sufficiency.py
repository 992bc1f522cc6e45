"""Too small for what: the numbers are those of the reference tables."""

import numpy as np
import pytest
from scipy import stats

from insource.dataset.saved.sufficiency import MIN_CLASS, Needs, sentence, shortfalls
from insource.foundation.rng import generator
from insource.stats.paired import paired_binary

ENOUGH = {"train": 10**6, "validation": 10**6, "calibration": 10**6, "test": 10**6}

# Non-inferiority at 80 % power, one-sided 5 % (our comparisons use 2.5 %), the truth being equal: n by margin
# and share of discordance.
TABLE = {
    (0.01, 0.05): 3092, (0.01, 0.10): 6183, (0.01, 0.20): 12366,
    (0.02, 0.05): 773, (0.02, 0.10): 1546, (0.02, 0.20): 3092,
    (0.03, 0.05): 344, (0.03, 0.10): 687, (0.03, 0.20): 1374,
    (0.05, 0.05): 124, (0.05, 0.10): 248, (0.05, 0.20): 495,
}  # fmt: skip


@pytest.mark.parametrize(("key", "n"), TABLE.items())
def test_the_test_split_against_the_reference_table(key, n):
    margin, discordance = key
    needs = Needs(margin=margin, discordance=discordance)
    (found,) = shortfalls({**ENOUGH, "test": 100}, {}, needs)
    assert found.split == "test"
    one_sided = [(stats.norm.ppf(1 - alpha) + stats.norm.ppf(0.8)) ** 2 for alpha in (0.05, 0.025)]
    assert found.need == pytest.approx(n * one_sided[1] / one_sided[0], abs=2)  # both round
    assert found.missing == found.need - 100
    assert shortfalls({**ENOUGH, "test": found.need}, {}, needs) == ()


@pytest.mark.parametrize(("margin", "discordance"), [(0.02, 0.1), (0.05, 0.1), (0.05, 0.2)])
def test_so_many_documents_have_the_power_that_the_sentence_promises(margin, discordance):
    """By the interval that decides a comparison."""
    needs = Needs(margin=margin, discordance=discordance)
    n = shortfalls({**ENOUGH, "test": 0}, {}, needs)[0].need
    random = generator(20261128, f"sufficiency.{margin}.{discordance}")
    draws = random.choice([-1, 0, 1], size=(400, n), p=[discordance / 2, 1 - discordance, discordance / 2])
    shown = np.mean([paired_binary(gains).interval.low > -margin for gains in draws])
    assert shown == pytest.approx(0.8, abs=3 * (0.8 * 0.2 / 400) ** 0.5)


def test_the_calibration_split():
    (found,) = shortfalls({**ENOUGH, "calibration": 20}, {}, Needs(max_error=0.1, delta=0.05))
    assert (found.split, found.need, found.missing) == ("calibration", 29, 9)
    assert sentence(found) == (
        "calibration has 20 of the 29 examples needed to bound the errors of the cascade at 10 % with 95 % "
        "confidence, all of them right; more when some are wrong: 9 are missing."
    )


def test_classes_with_too_few_test_examples_are_named():
    labels = {"a": {"test": MIN_CLASS}, "b": {"test": 12}, "c": {"train": 4}}
    (found,) = shortfalls(ENOUGH, labels, Needs())
    assert found.missing == 2 * MIN_CLASS - 12
    assert "2 of 3 classes by themselves, 30 each (c 0, b 12)" in found.why


def test_many_small_classes_are_counted_not_listed():
    (found,) = shortfalls(ENOUGH, {f"c{n:05}": {"test": 1} for n in range(10_000)}, Needs())
    assert found.why.endswith("and 9,992 more)")
