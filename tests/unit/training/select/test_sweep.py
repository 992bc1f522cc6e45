"""The sweep: what it tries, when it is worth its time, and that a killed one goes on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import recipes

from insource.foundation.errors import ProviderError
from insource.training.select.scoring import Scoring
from insource.training.select.sweep import LEAST_ROWS, Setting, best_first, plan_sweep, run_sweep
from insource.types import Estimate, SweepTrial

SCORING = Scoring("field_accuracy", 1.0, {}, lambda folder, documents, longest: None)


def recipe(examples=3000, epochs=3, **given_values):
    return recipes.recipe(recipes.rows(examples), epochs=epochs, **given_values)


def planned(mode="auto", made=None, *, rate=False, batch=False, scoring=SCORING, documents=40):
    return plan_sweep(
        mode,
        made or recipe(),
        rate_given=rate,
        batch_given=batch,
        scoring=scoring,
        documents=documents,
    )


def trial(rung, setting, rows, merit=0.0, *, answering_s=0.1):
    return SweepTrial(
        rung=rung,
        learning_rate=setting.learning_rate,
        batch_size=setting.batch_size,
        rows=rows,
        validation_loss=1 - merit,
        score=Estimate(value=merit, n=40),
        training_s=rows * 0.01,
        answering_s=answering_s,
    )


def test_six_settings_around_the_prior_then_the_best_two():
    made = planned()
    prior = recipe().learning_rate
    expected = {(factor * prior, batch) for factor in (0.3, 1.0, 3.0) for batch in (4, 16)}
    assert {tuple(setting) for setting in made.settings} == expected
    (first, rows), (second, more) = made.rungs
    assert (first, second, more) == (6, 2, 3 * rows)
    seen = recipe().steps * recipe().batch_size
    assert 6 * rows + 2 * more <= seen / 4
    assert f"beside {seen:,} of the run: at most a third" in made.reason


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mode": "off"}, "given"),
        ({"rate": True, "batch": True}, "learning rate and batch size are given"),
        ({"mode": "on", "rate": True, "batch": True}, "learning rate and batch size are given"),
        ({"made": recipe(200, 8)}, "a third of a run of 1,600 rows leaves 33 rows for each of 6 settings"),
        ({"scoring": None}, "no task metric: nothing that scores an answer was given"),
        ({"scoring": SCORING._replace(why_not="no engine")}, "no task metric: no engine"),
        ({"documents": 5}, "5 validation documents to score are too few"),
    ],
)
def test_it_is_off_with_the_reason(options, reason):
    made = planned(**options)
    assert made.settings == ()
    assert made.reason.startswith(reason)


@pytest.mark.parametrize(
    ("options", "settings"), [({"rate": True}, 2), ({"batch": True}, 3), ({"mode": "on"}, 6)]
)
def test_only_what_is_not_given_is_tried(options, settings):
    assert len(planned(**options).settings) == settings


def test_on_tries_even_where_it_does_not_pay(tmp_path):
    made = planned("on", recipe(20, 1), scoring=None)
    assert (len(made.settings), made.reason) == (6, "given")
    assert 0 < made.rows < LEAST_ROWS
    slow = run_sweep(
        made, tmp_path / "t", 1.0, lambda rung, setting, rows: trial(rung, setting, rows, answering_s=1e6)
    )
    assert len(slow.trials) == 8


def test_a_sweep_that_is_too_slow_ends_after_its_first_trial(tmp_path):
    made = planned()
    found = run_sweep(
        made, tmp_path / "trials", 1.0, lambda rung, setting, rows: trial(rung, setting, rows, answering_s=60)
    )
    assert (found.setting, len(found.trials)) == (None, 1)
    assert "more than a third of the run" in found.reason


@given(st.permutations(range(6)), st.sampled_from([1.0, -1.0]))
def test_the_best_setting_wins_whatever_the_order(tmp_path_factory, merits, sign):
    made = planned()
    merit = dict(zip(made.settings, merits, strict=True))
    found = run_sweep(
        made,
        tmp_path_factory.mktemp("sweep") / "trials",
        sign,
        lambda rung, setting, rows: trial(rung, setting, rows, sign * merit[setting] / 6),
    )
    assert merit[found.setting] == 5
    assert [one.rung for one in found.trials] == [0] * 6 + [1] * 2


@given(st.integers(0, 7), st.booleans())
def test_a_killed_sweep_repeats_no_trial(tmp_path_factory, killed_after, torn):
    made = planned()
    kept = tmp_path_factory.mktemp("sweep") / "trials"
    merit = {setting: index / 6 for index, setting in enumerate(made.settings)}
    asked = []

    def attempt(rung, setting, rows):
        if len(asked) == killed_after:
            raise KeyboardInterrupt
        asked.append((rung, setting))
        return trial(rung, setting, rows, merit[setting])

    with pytest.raises(KeyboardInterrupt):
        run_sweep(made, kept, 1.0, attempt)
    if torn:
        with kept.open("a") as file:
            file.write('{"rung": 0, "lear')
    again = []

    def go_on(rung, setting, rows):
        again.append((rung, setting))
        return trial(rung, setting, rows, merit[setting])

    found = run_sweep(made, kept, 1.0, go_on)
    assert len(asked) == killed_after
    assert len(set(asked) | set(again)) == len(asked) + len(again) == 8
    assert found.setting == made.settings[-1]
    assert run_sweep(made, kept, 1.0, attempt).trials == found.trials


@pytest.mark.parametrize("broken", [None, math.nan])
def test_a_diverged_trial_is_the_worst(broken):
    good = trial(0, Setting(1e-3, 4), 160, 0.2)
    bad = trial(0, Setting(3e-3, 4), 160).model_copy(update={"score": None, "validation_loss": broken})
    assert best_first([bad, good], 1.0) == [good, bad]


def test_a_trial_that_diverges_does_not_end_the_training(tmp_path, monkeypatch):
    """The highest rate of the sweep diverges; the sweep goes on and takes another."""
    from insource.training.loop import fine_tune as module
    from insource.training.select.chooser import BY_LOSS
    from insource.training.select.trials import Material, sweep

    tried = []

    def fine_tune(base, short, *others, **more):
        tried.append(short.learning_rate)
        if short.learning_rate == max(rates):
            raise ProviderError("loss-not-a-number", "The loss of step 1 is no number.")
        return module.Trained(tmp_path, short.steps, 1.0, short.steps, short.learning_rate, "planned")

    monkeypatch.setattr(module, "fine_tune", fine_tune)
    made, notes = planned("on", batch=True, scoring=None), []
    rates = [setting.learning_rate for setting in made.settings]
    found = sweep(
        tmp_path / "sweep",
        made,
        recipe(),
        Material(None, (), (), 0),
        BY_LOSS,
        lambda *point: None,
        notes.append,
    )
    assert set(tried) == set(rates)
    assert found.setting == Setting(min(rates), made.settings[0].batch_size)
    assert len([note for note in notes if note.endswith("diverged")]) == 1
