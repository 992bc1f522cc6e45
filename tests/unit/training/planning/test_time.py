"""The time of a plan covers what the run may do beside its steps."""

import pytest
from support.recipes import recipe, rows

from insource.config.training import TrainingSection
from insource.training.planned import choosing_share
from insource.training.planning.machine import Machine
from insource.training.planning.shape import ModelShape
from insource.training.planning.training_plan import training_plan

MACHINE = Machine(
    device="cpu",
    name="x",
    cores=2,
    memory_bytes=1 << 34,
    free_bytes=1 << 33,
    bfloat16=True,
    bitsandbytes=False,
)
SHAPE = ModelShape(layers=2, hidden=64, feed_forward=128, vocabulary=400, heads=4, query=64, key_value=32)


@pytest.mark.parametrize(
    ("given", "share"),
    [
        ({}, 1 / 3 + 0.2),
        ({"sweep": "off"}, 0.2),
        ({"scored_documents": 0}, 1 / 3),
        ({"learning_rate": 1e-3, "batch_size": 8}, 0.2),
        ({"learning_rate": 1e-3}, 1 / 3 + 0.2),
        ({"sweep": "off", "scored_documents": 0}, 0),
    ],
)
def testchoosing_share_settings_and_checkpoints_takes_time_too(given, share):
    data = rows(3000)

    def seconds(choosing):
        return training_plan(
            recipe(data, epochs=3),
            base_model="x",
            machine=MACHINE,
            data=data,
            shape=SHAPE,
            failed=(),
            overridable=frozenset(),
            usd_per_hour=1.0,
            speeds=[1000.0, 500.0],
            choosing=choosing,
        ).seconds

    alone, whole = seconds(0.0), seconds(choosing_share(TrainingSection(**given)))
    assert whole.value == alone.value
    assert whole.high == pytest.approx(alone.high * (1 + share))
    assert ("sweep" in whole.method) == bool(share)


@pytest.mark.parametrize(("device", "error"), [("cpu", 0.2), ("cuda", 0.15)])
def test_the_memory_s_interval_is_as_wide_as_plans_were_wrong(device, error):
    data = rows(30)
    memory = training_plan(
        recipe(data),
        base_model="x",
        machine=MACHINE.model_copy(update={"device": device}),
        data=data,
        shape=SHAPE,
        failed=(),
        overridable=frozenset(),
        usd_per_hour=None,
        speeds=[1000.0],
    ).memory_bytes
    assert memory.high == pytest.approx((1 + error) * memory.value)
    assert memory.low == pytest.approx((1 - error) * memory.value)
