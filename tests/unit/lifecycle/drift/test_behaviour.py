"""Behaviour drift: what the model does with documents."""

import pytest

from insource.foundation.rng import generator
from insource.lifecycle.drift.behaviour import Answered, behaviour
from insource.types import JsonSchema, Labels

OUTPUT = JsonSchema(
    definition={
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b", "c"]}, "maker": {"type": ["string", "null"]}},
    }
)


def calls(n, seed=0, *, sure=0.95, slow=1.0, null=0.1, kinds=(0.5, 0.3, 0.2), makers=20, pad=0, drop=False):
    rng = generator(seed, "tests.behaviour")
    made = []
    for _ in range(n):
        confidence = float(rng.beta(40 * sure, 40 * (1 - sure)))
        maker = None if rng.random() < null else f"maker {rng.integers(makers)}"
        answer = {"kind": str(rng.choice(["a", "b", "c"], p=kinds))} | ({} if drop else {"maker": maker})
        local = confidence >= 0.8
        made.append(
            Answered(
                confidence, not local, slow * float(rng.gamma(4, 0.05)), answer if local else None, 40 + pad
            )
        )
    return made


def moved(window, reference=None, output=OUTPUT):
    return {shift.name for shift in behaviour(reference or calls(1000), window, output, alpha=0.01).moved}


CHANGES = {
    "confidence": {"sure": 0.9},
    "escalated calls": {"sure": 0.85},
    "time of an answer": {"slow": 2.0},
    "length of an answer": {"pad": 30},
    "maker is empty": {"null": 0.5},
    "kind is 'a'": {"kinds": (0.2, 0.4, 0.4)},
    "maker has a new value": {"makers": 40},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_by_its_name(name):
    assert name in moved(calls(300, seed=1, **CHANGES[name]))


def test_nothing_moves_without_a_change():
    assert moved(calls(300, seed=1)) == set()


def test_a_field_that_is_gone_counts_as_empty():
    assert "maker is empty" in moved(calls(300, seed=1, drop=True))


def test_trifles_are_no_alert_however_sure():
    """Half a percent less confidence is far beyond chance among 20,000 calls, and too little to act on."""
    found = behaviour(calls(20_000), calls(20_000, seed=1, sure=0.945), OUTPUT, alpha=0.01)
    (shift,) = [one for one in found.shifts if one.name == "confidence"]
    assert shift.p_value == 1 / 500  # no permutation shows as much
    assert not shift.moved


def test_labels_have_frequencies():
    output = Labels(names=("yes", "no"))

    def said(n, yes):
        answers = generator(n, "tests.labels").permutation(["yes"] * yes + ["no"] * (n - yes))
        return [Answered(0.9, False, 0.1, str(answer), 3) for answer in answers]

    assert moved(said(200, 150), said(400, 200), output) == {"label is 'yes'", "label is 'no'"}


@pytest.mark.parametrize("confidence", [None, 0.5])
def test_calls_that_all_went_to_the_cloud_have_no_answers_to_compare(confidence):
    window = [Answered(confidence, True) for _ in range(100)]
    found = behaviour(calls(200), window, OUTPUT, alpha=0.01)
    assert "escalated calls" in {one.name for one in found.moved}
    assert not any("maker" in one.name for one in found.shifts)


def test_answers_that_are_no_objects_are_passed_over():
    odd = [Answered(0.9, False, None, answer) for answer in (None, 3, "text", [1])]
    assert behaviour(odd, odd, OUTPUT, alpha=0.01).moved == ()
