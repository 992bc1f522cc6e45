"""Slices: made and named automatically, compared in pairs, corrected for their number."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests
from support.judged import CLOUD, FORMATS, TUNED, label_records

from insource.evaluation.comparison.difficulty import difficulties
from insource.evaluation.comparison.slices import compare_slices, document_slices
from insource.foundation.errors import ConfigError
from insource.types import EvalRecord, Example, Score, SlotScore

ENGLISH = "The pump was delivered with the wrong voltage and the customer asks for a replacement. "
GERMAN = "Die Pumpe wurde mit falscher Spannung geliefert und der Kunde bittet um einen Ersatz dafür. "
N = 240


def example(i, text, **fields):
    return Example(
        row_id=str(i), digest=f"sha256:{i}", input=text, target="a", provenance={"source": "rows"}, **fields
    )


def documents():
    """German documents are every fourth; the last 60 are of the newest month and of a group of their own."""
    return [
        example(
            i,
            (GERMAN if i % 4 == 0 else ENGLISH) * (1 + i % 3) + f"Number {i}.",
            group="new supplier" if i >= 180 else f"supplier {i % 3}",
            time="2026-10-03T00:00:00Z" if i >= 180 else "2026-09-03T00:00:00Z",
            cloud_outputs={"a": "x", "b": "x" if i % 2 else "y"},
        )
        for i in range(N)
    ]


def compared(wrong, test=None, train=()):
    test = documents() if test is None else test
    seen = [i < 180 for i in range(N)]
    groups = [e.group for e in test]
    ours = label_records([i not in wrong for i in range(N)], groups, seen)
    theirs = label_records([True] * N, groups, seen)
    slices = document_slices(test, ours, difficulties(test, list(train)))
    return compare_slices((TUNED, ours), (CLOUD, theirs), slices, metric="accuracy")


def test_every_kind_is_found_and_named():
    found = compared({0}, train=documents()[:90])
    kinds = {}
    for one in found.found:
        kinds.setdefault(one.kind, []).append(one.name)
    assert set(kinds) == {
        "group",
        "groups",
        "time",
        "language",
        "length",
        "distance to training",
        "cloud disagreement",
    }
    assert kinds["time"] == ["newest month (2026-10)"]
    assert sorted(kinds["groups"]) == ["seen in training", "unseen in training"]
    assert sorted(kinds["language"]) == ["de", "en"]
    assert any("characters" in name for name in kinds["length"])
    assert all(one.n >= 30 for one in found.found)


def test_a_planted_regression_is_found_and_the_rest_is_not():
    found = compared({i for i in range(N) if i % 4 == 0 and i % 5 < 2})
    worst = [one for one in found.found if one.regression]
    assert ("language", "de") in {(one.kind, one.name) for one in worst}
    assert ("language", "en") not in {(one.kind, one.name) for one in worst}
    assert found.found[0].regression
    assert "possible regression" in found.sentence
    assert "language de" in found.sentence


def test_equal_arms_have_no_regression():
    found = compared(set())
    assert not any(one.regression for one in found.found)
    assert found.sentence.startswith("None of ")
    assert all(one.difference.low < 0 < one.difference.high for one in found.found)


def test_p_values_are_corrected_over_all_slices():
    found = compared({i for i in range(N) if i % 7 == 0})
    corrected = multipletests([one.p_value for one in found.found], method="fdr_bh")[1]
    assert [one.q_value for one in found.found] == pytest.approx(corrected.tolist())


def test_small_slices_are_counted_and_left_out():
    rare = [e.model_copy(update={"group": "rare" if i < 20 else "often"}) for i, e in enumerate(documents())]
    found = compared({1}, test=rare)
    assert "group rare" not in {f"{one.kind} {one.name}" for one in found.found}
    assert found.too_small == 1
    assert "1 with fewer than 30 documents are left out" in found.sentence


def fields(i, voltage, serial):
    slots = [
        SlotScore(path=path, bucket="correct" if right else "wrong", gold="1", predicted="1")
        for path, right in (("voltage", voltage), ("serial", serial))
    ]
    return EvalRecord(row_id=str(i), status="scored", score=Score(slots=slots, exact=False, **FORMATS))


def test_fields_are_slices_too_and_a_failed_call_has_none_right():
    ours = [fields(i, True, i % 2) for i in range(80)]
    ours[0] = ours[0].model_copy(update={"status": "failed", "score": None})
    theirs = [fields(i, True, True) for i in range(80)]
    found = compare_slices((TUNED, ours), (CLOUD, theirs), (), metric="field_accuracy")
    by_name = {one.name: one for one in found.found}
    assert by_name["serial"].regression
    assert not by_name["voltage"].regression
    assert by_name["voltage"].difference.value == pytest.approx(-1 / 80)
    assert by_name["serial"].difference.value == pytest.approx(-0.5)


def test_a_metric_over_slots_has_no_slices():
    with pytest.raises(ConfigError, match="precision"):
        compare_slices((TUNED, []), (CLOUD, []), (), metric="precision")


def test_difficulties_say_what_is_far_and_where_clouds_differ():
    train = [example(1000, ENGLISH)]
    near, far = (
        example(1, ENGLISH, cloud_outputs={"a": '{"x": 1}', "b": '{ "x":1 }'}),
        example(2, "zebra quartz", cloud_outputs={"a": "x", "b": "y", "c": "x"}),
    )
    length, distance, disagreement = difficulties([near, far], train)
    assert length.values == {"1": len(ENGLISH), "2": 12}
    assert distance.values["1"] == pytest.approx(0.0, abs=1e-6)
    assert distance.values["2"] == 1.0
    assert disagreement.values == {"1": 0.0, "2": pytest.approx(1 / 3)}
    assert [one.name for one in difficulties([example(3, "")], [])] == ["length"]


def test_the_nearest_row_is_the_nearest_by_search():
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = [f"word{i}" for i in range(40)]
    random = np.random.default_rng(3)
    texts = [" ".join(random.choice(words, 9)) for _ in range(60)]
    test, train = (
        [example(i, t) for i, t in enumerate(texts[:25])],
        [example(i, t) for i, t in enumerate(texts[25:])],
    )
    everything = TfidfVectorizer(sublinear_tf=True).fit_transform(e.input for e in (*test, *train)).toarray()
    asked, rows = everything[: len(test)], everything[len(test) :]
    expected = 1 - (asked @ rows.T).max(axis=1)
    assert list(difficulties(test, train)[1].values.values()) == pytest.approx(expected.tolist(), abs=1e-5)
