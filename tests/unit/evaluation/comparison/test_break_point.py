"""The break point: where the candidate falls below the cloud, with an interval, or why nobody can say."""

from __future__ import annotations

import numpy as np
import pytest
from support.judged import against

from insource.evaluation.comparison.break_point import break_point
from insource.evaluation.comparison.difficulty import Difficulty
from insource.foundation.rng import generator

TERMS = {"metric": "accuracy", "margin": 0.05}


def found(difficulty, differences, groups=None, **options):
    measure = Difficulty("length", "characters", {str(i): float(d) for i, d in enumerate(difficulty)})
    return break_point(*against(differences, groups), measure, **(TERMS | options))


def falling(n, at=600, name="falling"):
    """Equal up to ``at`` characters; from there on the candidate loses half of the documents."""
    random = generator(20261128, name)
    difficulty = random.uniform(0, 1000, n)
    lost = (random.random(n) < np.where(difficulty > at, 0.5, 0.02)).astype(int)
    won = (random.random(n) < 0.02).astype(int)
    return difficulty, (won - lost).tolist()


def test_a_planted_break_point_is_found():
    result = found(*falling(1500))
    assert result.status == "found"
    assert result.at.low <= 600 <= result.at.high
    assert result.at.low < result.at.value < result.at.high
    assert result.beyond == np.mean(falling(1500)[0] >= result.at.value)
    assert result.sentence.startswith("From a length of ")
    assert len(result.points) == len(result.fitted) == 10
    assert sum(point.n for point in result.points) == 1500
    assert all(a >= b for a, b in zip(result.fitted, result.fitted[1:], strict=False))


def test_no_break_point_where_both_are_equal():
    result = found(range(400), [0] * 400)
    assert (result.status, result.at.value, result.beyond) == ("none seen", None, None)
    assert "No break point by length is seen" in result.sentence
    assert all(point.difference.low < 0 < point.difference.high for point in result.points)


def test_below_everywhere():
    result = found(range(400), [-(i % 3 > 0) for i in range(400)])
    assert (result.status, result.at.value) == ("below throughout", None)


def test_a_difference_that_rises_with_difficulty_is_not_called_low_throughout():
    result = found(range(600), [-1 if i < 300 else 0 for i in range(600)])
    assert result.status == "cannot be located"


def test_a_difference_at_the_margin_has_no_place():
    random = generator(20261128, "at the margin")
    result = found(range(400), (-(random.random(400) < 0.05).astype(int)).tolist())
    assert result.status in ("cannot be located", "none seen")


@pytest.mark.parametrize("n", [1, 2, 40, 59])
def test_too_few_documents(n):
    result = found(range(n), [-(i > n / 2) for i in range(n)])
    assert (result.status, result.at.value) == ("cannot be located", None)
    assert "too few documents" in result.sentence


def test_one_difficulty_for_all():
    assert found([7] * 200, [-1, 0] * 100).status == "cannot be located"


def test_certain_data_still_has_an_interval():
    result = found(range(600), [0 if i < 300 else -1 for i in range(600)])
    assert result.status == "found"
    assert result.at.low < result.at.value < result.at.high


def test_few_levels_of_difficulty_are_bins():
    result = found([i % 3 for i in range(300)], [-(i % 3 == 2 and i % 2) for i in range(300)])
    assert [point.n for point in result.points] == [100, 100, 100]
    assert result.status == "found"
    assert 1 <= result.at.low < result.at.high <= 2


def test_groups_to_come_make_it_less_certain():
    difficulty, differences = falling(1500)
    groups = [str(int(d // 84)) for d in difficulty]
    by_document = found(difficulty, differences, groups)
    by_group = found(difficulty, differences, groups, question="groups")
    assert "bootstrap of documents" in by_document.at.method
    if by_group.status == "found":
        assert "bootstrap of groups" in by_group.at.method


def test_documents_without_the_measure_are_left_out():
    difficulty, differences = falling(600)
    measure = Difficulty("distance", "1 − cosine", {str(i): float(d) for i, d in enumerate(difficulty[:500])})
    result = break_point(*against(differences), measure, **TERMS)
    assert sum(point.n for point in result.points) == 500


def test_the_same_seed_gives_the_same_interval_and_order_does_not_matter():
    difficulty, differences = falling(700)
    assert found(difficulty, differences) == found(difficulty, differences)
