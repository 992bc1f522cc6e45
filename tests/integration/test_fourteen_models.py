"""Fourteen cloud models' recorded answers: the published accuracies, and a corrected table.

The data lie beside the folder that ``INSOURCE_API_LOGS`` names; they are not part of the repository.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from statsmodels.stats.contingency_tables import mcnemar

from insource.stats.multiplicity import holm

DATA = (
    Path(os.environ.get("INSOURCE_API_LOGS", "no folder given")).parent / "cfpb_complaints_14llms/data.jsonl"
)
pytestmark = pytest.mark.skipif(not DATA.is_file(), reason="the recorded answers are not on this machine")


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    import fourteen_models

    return fourteen_models


@pytest.fixture(scope="module")
def sides(bench):
    return bench.read_sides(DATA)


def test_the_published_accuracies_are_reproduced(bench, sides):
    for model, published in bench.PUBLISHED_ACCURACY.items():
        _, records = sides[model]
        assert len(records) == 1000
        assert sum(r.score.exact for r in records) / 1000 == pytest.approx(published, abs=5e-4)


def test_the_table_is_that_of_mcnemar_and_holm(bench, sides):
    found = bench.compared(sides, "gpt-4o", "gpt-4o-mini", 0.02)
    assert len(found) == 13
    primary = next(one for one in found if one.candidate == "gpt-4o-mini")
    assert (primary.adjusted, primary.outcome) == (None, "worse")
    others = [one for one in found if one is not primary]
    for one in found:
        exact = mcnemar([[0, one.better], [one.worse, 0]], exact=True).pvalue
        assert one.p_value == pytest.approx(exact) if exact > 0.001 else one.p_value < 0.001
    # In the direction of a gain: Holm over the twelve, two-sided.
    one_sided = [one.p_value / 2 if one.better > one.worse else 1 - one.p_value / 2 for one in others]
    for one, expected in zip(others, 2 * holm(one_sided), strict=True):
        if one.better > one.worse and expected < 1:
            assert one.adjusted.p_value == pytest.approx(expected)
        assert (one.adjusted.outcome == "better") == (expected < 0.05)
    assert [one.candidate for one in others if one.outcome == "better"] != [
        one.candidate for one in others if one.adjusted.outcome == "better"
    ]


def test_the_comparison_of_a_model_with_itself_differs_by_nothing(bench, sides):
    twice = {"first": sides["gpt-4o"], "gpt-4o": sides["gpt-4o"]}
    (found,) = bench.compared(twice, "gpt-4o", "none", 0.02)
    assert (found.better, found.worse, found.outcome) == (0, 0, "not worse")
    assert found.difference.low < 0 < found.difference.high
