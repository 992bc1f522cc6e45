"""The plan of a question: fits or not, what would make it fit, time, money, energy, people."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hardware_questions import LLAMA_8B, planned, question
from support.recipes import CARD, GIB, LAPTOP

from insource.config.training import TrainingSection
from insource.decision.hardware.fitting import longest_rows, remedies, tried, with_length
from insource.decision.hardware.models import planned_model
from insource.foundation.errors import InsourceError
from insource.training.planning import machine as machines
from insource.training.planning.cards import card_named, known_cards
from insource.types import TrainingSummary

CARDS = list(known_cards().cards.values())


def test_the_plan_of_the_issue():
    plan = planned("qwen3-8b", method="qlora", card="rtx-4090")
    assert plan.possible
    assert plan.training.fits
    assert set(plan.training.memory_parts) >= {"weights", "trained", "activations", "logits"}
    assert sum(plan.training.memory_parts.values()) == plan.training.memory_bytes.value
    assert plan.training.memory_bytes.value < plan.training.available_bytes < 24 * GIB


def test_money_energy_and_electricity_follow_the_time():
    plan = planned(card="rtx-4090", method="qlora")
    card, hours = plan.card, plan.training.seconds.value / 3600
    assert plan.training.usd.value == pytest.approx(hours * card.rent_usd)
    assert plan.kwh.value == pytest.approx(hours * (card.watts + 150) / 1000)
    assert plan.electricity_usd.value == pytest.approx(plan.kwh.value * 0.25)
    assert plan.kwh.low < plan.kwh.value < plan.kwh.high
    dearer = planned(card="rtx-4090", method="qlora", prices={"rent_usd": 3 * card.rent_usd})
    assert dearer.training.usd.value == pytest.approx(3 * plan.training.usd.value)


def test_a_card_that_nobody_rents_has_no_price_an_hour_and_still_an_energy():
    plan = planned("qwen3-0.6b", card="rtx-4060-ti-16gb")
    assert plan.training.usd.value is None
    assert "no price" in plan.training.usd.note
    assert plan.kwh.value > 0


def test_two_cards_halve_the_time_and_not_the_money():
    one, two = (planned(card="h100-80gb", processes=count) for count in (1, 2))
    assert two.training.seconds.value == pytest.approx(one.training.seconds.value / 2)
    assert two.training.usd.value == pytest.approx(one.training.usd.value)


def test_people_label_before_the_run():
    plan = planned(card="l4", method="qlora", people={"rows": 600, "people": 2, "hours_a_day": 5})
    assert plan.labelling_hours.value == 20
    assert (plan.labelling_hours.low, plan.labelling_hours.high) == (10, 40)
    run_days = plan.training.seconds.value / 86_400
    assert plan.calendar_days.value == pytest.approx(2 + run_days)
    none = planned(card="l4", method="qlora", people={"rows": 0})
    assert none.labelling_hours.value == 0
    assert none.calendar_days.value == pytest.approx(run_days)


def test_auto_takes_the_cheapest_run_and_says_among_how_many():
    plan = planned(card="auto", method="qlora")
    usd = [one.usd.value for one in plan.options if one.usd.value is not None]
    assert plan.options[0].key == plan.card.key
    assert usd == sorted(usd)
    assert plan.training.usd.value == usd[0]
    assert f"{len(plan.options)} cards" in plan.reason
    fitting = {card.key for card in CARDS if planned(card=card.key, method="qlora").possible}
    assert {one.key for one in plan.options} == fitting


def test_auto_with_no_card_says_what_would_make_it_fit():
    with pytest.raises(InsourceError) as caught:
        planned("phi-4", card="auto", method="full", precision="float32", optimizer="adamw")
    assert caught.value.code == "no-card-fits"
    assert "--method lora" in caught.value.hint
    assert "weights" in caught.value.details[0]


def options(text):
    return dict(zip(text.split()[::2], text.split()[1::2], strict=True))


def applied(asked, remedy):
    """What a person gets who types the option of a remedy."""
    if not remedy.option.startswith("--"):
        keys = dict(one.split(" = ") for one in remedy.option.split(", "))
        update = {
            key.removeprefix("training."): {"true": True}.get(value) or int(value)
            for key, value in keys.items()
        }
        return asked.model_copy(update={"section": asked.section.model_copy(update=update)})
    [(name, value)] = options(remedy.option).items()
    if name == "--length":
        return with_length(asked, int(value))
    if name == "--method":
        return asked.model_copy(update={"section": asked.section.model_copy(update={"method": value})})
    return asked.model_copy(update={name.removeprefix("--"): value})


@pytest.mark.parametrize(
    ("model", "card", "given"),
    [
        (LLAMA_8B, "rtx-3060", {"method": "full"}),
        (LLAMA_8B, "rtx-3060", {"method": "lora"}),
        (LLAMA_8B, "rtx-4090", {"method": "full"}),
        ("phi-4", "rtx-3060", {"method": "qlora", "length": 16_000}),
        ("phi-4", "a100-80gb", {"method": "full", "precision": "float32", "optimizer": "adamw"}),
        (LLAMA_8B, "rtx-4080-super", {"method": "lora"}),
    ],
)
def test_every_remedy_makes_it_fit(model, card, given):
    asked, machine = question(model, card=card, **given), card_named(card).machine()
    found = remedies(asked, planned_model(model), machine, card_named(card))
    assert not tried(asked, planned_model(model), machine).fits
    assert found
    for remedy in found:
        there = applied(asked, remedy)
        on = card_named(there.card).machine(there.section.processes)
        one = tried(there, planned_model(there.model), on)
        assert one.fits, remedy
        assert remedy.least_bytes <= on.free_bytes


def test_4_bits_without_cuda_are_refused_with_what_would_work():
    plan = planned("smollm2-135m-instruct", method="qlora", length=512)
    assert [stop.code for stop in plan.training.stops] == ["qlora-unavailable"]
    assert not plan.possible
    assert any("--card" in one.option for one in plan.remedies)


def test_cards_that_are_too_few_are_a_stop():
    alone = CARD.model_copy(update={"cards": 1})
    plan = planned("qwen3-0.6b", machine=alone, processes=4)
    assert [stop.code for stop in plan.training.stops] == ["too-few-gpus"]


def test_a_card_without_bfloat16_trains_in_float32():
    plan = planned("qwen3-0.6b", card="t4", length=512)
    assert plan.possible
    assert {choice.name: choice.value for choice in plan.training.choices}["precision"] == "float32"
    assert "8,100 billion" in plan.training.seconds.method


def test_rows_beyond_the_context_are_refused():
    with pytest.raises(InsourceError) as caught:
        planned("qwen3-8b", card="h200", length=50_000)
    assert caught.value.code == "length-beyond-context"
    assert "40,960" in caught.value.message


def test_a_limit_for_this_machine_does_not_bind_a_card():
    held = planned("qwen3-0.6b", max_memory_gb=1.0)
    assert not held.possible
    assert planned("qwen3-0.6b", card="rtx-4090", max_memory_gb=1.0).possible


def test_without_pytorch_the_time_is_unknown_and_stays_so(monkeypatch):
    monkeypatch.setattr("insource.training.planning.duration.find_spec", lambda name: None)
    plan = planned("smollm2-135m-instruct", length=512)
    assert plan.possible
    for figure in (plan.training.seconds, plan.training.usd, plan.kwh, plan.calendar_days):
        assert figure.value is None
        assert figure.low is None
    assert "PyTorch" in plan.training.seconds.note
    assert plan.labelling_hours.value > 0


def test_without_pytorch_the_machine_is_read_from_the_system(monkeypatch):
    monkeypatch.setattr(machines, "_installed", lambda module: False)
    found = machines.this_machine()
    assert found.device == "cpu"
    assert 0 < found.free_bytes <= found.memory_bytes


def run_of(model, *, tokens_per_s=100.0, **given):
    return TrainingSummary(
        base_model=model,
        examples=1,
        steps=1,
        planned_steps=1,
        epochs=1,
        tokens=1,
        tokens_per_s=tokens_per_s,
        best_step=1,
        best_validation_loss=None,
        stopped="",
        **given,
    )


def test_earlier_runs_of_the_model_give_the_time_and_their_peak():
    name = "smollm2-135m-instruct"
    run = run_of(name, planned_memory_bytes=2 * GIB, peak_memory_bytes=3 * GIB)
    other = run_of("qwen3-0.6b", planned_memory_bytes=GIB, peak_memory_bytes=GIB)
    plan = planned(name, length=512, earlier=(other, run))
    assert [(one.planned_bytes, one.peak_bytes) for one in plan.measured] == [(2 * GIB, 3 * GIB)]
    assert "earlier runs" in plan.training.seconds.method
    on_a_card = planned(name, length=512, card="l4", earlier=(run,))
    assert on_a_card.measured == ()
    assert "stated of the L4" in on_a_card.training.seconds.method


def test_every_input_that_nobody_measured_is_listed():
    plan = planned(card="l4", method="qlora")
    assert {one.unit for one in plan.assumptions} >= {"tokens", "rows", "USD/kWh", "minutes a row"}
    assert all(one.source for one in plan.assumptions)
    given = question().model_copy(update={"given": frozenset({"examples"})}).assumptions()
    assert {one.name: one.source for one in given}["training rows"] == "yours"


MODELS = ("smollm2-135m-instruct", "qwen3-0.6b", LLAMA_8B)


@settings(max_examples=40)
@given(
    name=st.sampled_from(MODELS),
    method=st.sampled_from(["lora", "qlora", "full"]),
    length=st.integers(16, 8000),
    card=st.sampled_from(CARDS),
)
def test_a_larger_card_and_a_shorter_row_never_stop_fitting(name, method, length, card):
    model, asked = planned_model(name), question(name, method=method, length=length)
    fits = tried(asked, model, card.machine()).fits
    double = card.model_copy(update={"memory_mib": 2 * card.memory_mib}).machine()
    assert tried(asked, model, double).fits or not fits
    assert tried(with_length(asked, max(1, length // 2)), model, card.machine()).fits or not fits


@settings(max_examples=15)
@given(method=st.sampled_from(["lora", "qlora"]), card=st.sampled_from(CARDS))
def test_the_longest_rows_fit_and_longer_ones_do_not(method, card):
    model, asked, machine = planned_model("qwen3-8b"), question("qwen3-8b", method=method), card.machine()
    longest = longest_rows(asked, model, machine)
    assert longest == 0 or tried(with_length(asked, longest), model, machine).fits
    if longest < model.shape.context:
        assert not tried(with_length(asked, longest + 1), model, machine).fits


def test_the_plan_is_the_training_s_own():
    """One planner: what `insource train --plan` would make of the same rows."""
    from insource.training.recipe import plan as recipe_of

    asked = question("qwen3-0.6b", length=512)
    own = recipe_of(
        data=asked.workload.rows(TrainingSection().validation_documents),
        shape=planned_model("qwen3-0.6b").shape,
        machine=LAPTOP,
        seed=0,
        section=asked.section,
    )
    made = planned("qwen3-0.6b", length=512).training
    assert made.memory_parts == own.memory.model_dump()
    assert made.choices == own.choices
