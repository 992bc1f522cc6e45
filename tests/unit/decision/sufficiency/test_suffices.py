"""The whole answer: what is known with its figures, and what is not with its reason."""

import pytest
from support.arms import dataset_of
from support.judged import CLOUD, TUNED, label_records
from support.learning_curves import asked_of, law

from insource.decision.sufficiency.suffices import NO_CURVE, NO_TARGET, Trained, data_sufficiency
from insource.types.sufficiency import Sufficiency

TRUTH = law(0.06, 3.0, 0.6)
TRAINED = Trained("classical", "n-grams", "cheap", asked_of(TRUTH))


@pytest.fixture
def dataset(rows, label_task):
    examples = rows.examples(rows.tickets(60))
    return dataset_of(examples[:40], examples[40:], label_task)


def pair_of(right, cloud=CLOUD, documents=200):
    ours = label_records([at % 10 != 0 for at in range(documents)])
    return (TUNED, ours), (cloud, label_records([at < right * documents for at in range(documents)]))


def test_the_target_is_the_cloud_less_the_margin(dataset, label_task):
    found = data_sufficiency(dataset, label_task, trained=TRAINED, pair=pair_of(0.95))
    assert found.needed[0].target == pytest.approx(0.95 - label_task.margin)
    assert found.power.required.expected > 0
    assert found.curve.predictions
    assert found.unknown == {}
    assert Sufficiency.model_validate_json(found.model_dump_json()) == found


def test_a_stated_target_goes_before_the_cloud(dataset, label_task):
    found = data_sufficiency(dataset, label_task, trained=TRAINED, pair=pair_of(0.95), target=0.7)
    assert found.needed[0].target == 0.7
    assert found.needed[0].more.value == 0


UNKNOWN = {
    "before anything was measured": ({}, {"curve", "needed", "power"}),
    "with a curve and no cloud": ({"trained": TRAINED}, {"needed", "power"}),
    "with a cloud and no curve": ({"pair": pair_of(0.95)}, {"curve", "needed"}),
    "with a simulated cloud": (
        {"trained": TRAINED, "pair": pair_of(0.95, CLOUD.model_copy(update={"simulated": True}))},
        {"needed", "power"},
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_has_its_reason(dataset, label_task, name):
    given, missing = UNKNOWN[name]
    found = data_sufficiency(dataset, label_task, **given)
    assert set(found.unknown) == missing
    assert all(found.unknown.values())
    assert (found.needed == ()) == ("needed" in missing)
    if "needed" in missing:
        assert found.unknown["needed"] == (NO_TARGET if "trained" in given else NO_CURVE)


def test_a_metric_that_is_not_a_share_of_slots_is_asked_of_no_part(dataset, label_task):
    task = label_task.model_copy(update={"primary_metric": "exact_match"})
    asked = asked_of(lambda rows, label: 0.5 if label == "hard" else 0.01, labels=("easy", "hard"))
    found = data_sufficiency(dataset, task, trained=TRAINED._replace(asked=asked), target=0.99)
    assert [one.part for one in found.needed] == ["all"]
