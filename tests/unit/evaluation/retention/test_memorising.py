"""A model that memorised its rows is flagged by every measure, one that reads its documents by none."""

import json

import pytest
from support.example_results import example_training
from support.judged import label_records
from support.remembering import Remembers, part, reads, records_of

from insource.evaluation.retention import counterfactual
from insource.evaluation.retention.canaries import canaries
from insource.evaluation.retention.memory import (
    better_by,
    by_similarity,
    loss_rose,
    memorised,
    nearest_minus_farthest,
    quality,
)
from insource.types import Estimate, TrainingPoint

TRAIN, TEST = [part(n) for n in range(40)], [part(n) for n in range(100, 140)]
METRIC = "field_accuracy"


@pytest.mark.parametrize(("model", "flagged"), [(Remembers(TRAIN), True), (reads, False)])
def test_the_gap_flags_who_memorised(model, flagged):
    train, test = (quality(records_of(model, part), METRIC) for part in (TRAIN, TEST))
    gap = better_by(train, test, METRIC)
    assert train.value == 1.0
    assert gap.n == 40
    assert memorised(gap, rose=True) is flagged
    # The reference asks for both: a gap alone may come from harder test documents.
    assert not memorised(gap, rose=False)


@pytest.mark.parametrize(("model", "follows", "kept"), [(Remembers(TRAIN), 0.0, 1.0), (reads, 1.0, 0.0)])
def test_the_changed_field_follows_in_who_reads(model, follows, kept):
    before = records_of(model, TRAIN)
    made = counterfactual.edits(TRAIN, before, records_of(reads, TEST), seed=0)
    assert len(made) == len(TRAIN)
    found = counterfactual.judge(made, before, records_of(model, [edit.example for edit in made]))
    assert (found.follows.value, found.kept_old.value) == (follows, kept)
    assert found.others_stay.value == 1.0
    assert found.documents == found.follows.n == len(TRAIN)


def test_a_change_that_moves_another_field_is_seen():
    def confused(text):  # the length decides the serial number
        found = reads(text)
        return found | {"serial": f"SN-{6800 + found['length']}"}

    before = records_of(confused, TRAIN)
    made = counterfactual.edits(TRAIN, before, records_of(reads, TEST), seed=0)
    lengths = [edit for edit in made if edit.path == "length"]
    assert lengths
    found = counterfactual.judge(lengths, before, records_of(confused, [edit.example for edit in lengths]))
    assert found.follows.value == 1.0
    assert found.others_stay.value == 0.0


def test_an_edited_document_differs_from_its_original_in_one_value_of_text_and_label():
    made = counterfactual.edits(TRAIN, records_of(reads, TRAIN), records_of(reads, TEST), seed=1)
    originals = {example.row_id: example for example in TRAIN}
    assert {edit.path for edit in made} == {"serial", "length"}
    for edit in made:
        before, after = (json.loads(one.target) for one in (originals[edit.original], edit.example))
        assert [path for path in before if before[path] != after[path]] == [edit.path]
        assert (
            originals[edit.original].input.replace(str(edit.old), str(after[edit.path])) == edit.example.input
        )
        assert edit.example.digest != originals[edit.original].digest
        assert reads(edit.example.input) == after


@pytest.mark.parametrize(
    "text",
    ["Part SN-7000 or SN-7000 is 200 or 200 mm long.", "A part without its values."],
    ids=["stated twice", "not stated"],
)
def test_a_value_that_the_document_does_not_state_once_is_not_changed(text):
    example = TRAIN[0].model_copy(update={"input": text})
    records = records_of(lambda text: json.loads(TRAIN[0].target), [example])
    assert not counterfactual.edits([example], records, records_of(reads, TEST), seed=0)
    assert "states once" in counterfactual.judge((), records, ()).note


def test_a_value_of_one_training_label_in_a_document_without_it_is_a_canary():
    found = canaries(TRAIN, TEST, records_of(Remembers(TRAIN), TEST))
    assert found.rate.value == 1.0
    assert {path for path, _ in found.found} == {"serial"}  # 200 is too short to be told from chance
    assert found.values == len(TRAIN)
    clean = canaries(TRAIN, TEST, records_of(reads, TEST))
    assert (clean.rate.value, clean.found) == (0.0, ())
    assert 0 < clean.rate.high < 0.1  # the rule of three: none in 40 does not show none at all


def test_a_training_value_that_the_document_states_is_no_canary():
    stated = [example.model_copy(update={"input": example.input + " Like SN-7000."}) for example in TEST]
    assert canaries(TRAIN, stated, records_of(Remembers(TRAIN), stated)).rate.value == 0.0


@pytest.mark.parametrize(("losses", "rose"), [((1.0, 0.8, 0.9), True), ((1.0, 0.9, 0.8), False), ((), False)])
def test_the_validation_loss_rose_after_its_minimum(losses, rose):
    curve = tuple(TrainingPoint(step=n, epoch=1.0, validation_loss=loss) for n, loss in enumerate(losses))
    assert loss_rose(example_training().model_copy(update={"curve": curve})) is rose


@pytest.mark.parametrize("falls", [True, False])
def test_quality_falls_with_the_distance_from_training_where_it_was_memorised(falls):
    right = [n >= 40 if falls else n % 4 > 0 for n in range(80)]
    similarity = {str(n): n / 80 for n in range(80)}
    bands = by_similarity(label_records(right), similarity, "accuracy")
    assert [band.quality.n for band in bands] == [20, 20, 20, 20]
    assert [band.low for band in bands] == sorted(band.low for band in bands)
    assert (nearest_minus_farthest(bands, "accuracy").low > 0) is falls


def test_few_documents_and_equal_ones_give_no_bands_that_say_nothing():
    assert (
        by_similarity(label_records([True] * 10), dict.fromkeys(map(str, range(10)), 0.5), "accuracy") == ()
    )
    alike = by_similarity(label_records([True] * 40), dict.fromkeys(map(str, range(40)), 0.5), "accuracy")
    assert len(alike) == 1
    assert not nearest_minus_farthest(alike, "accuracy").measured


def test_where_less_is_better_the_gap_is_turned():
    few, many = (Estimate(value=v, low=v - 0.02, high=v + 0.02, n=50, method="Wilson") for v in (0.05, 0.2))
    gap = better_by(few, many, "hallucination_rate")
    assert gap.value == pytest.approx(0.15)
    assert 0 < gap.low < gap.value < gap.high
