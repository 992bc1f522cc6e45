import pytest

from insource.serving.busy import Busy, usable_cores
from insource.serving.threads import MORE_AFTER_S, ThreadChoice, free_cores

IDLE, ONE_TAKEN = Busy(0.05, 2), Busy(1.0, 2)


@pytest.mark.parametrize(("cores", "of", "threads"), [(0.1, 2, 2), (1.0, 2, 1), (2.0, 2, 1), (3.2, 8, 5)])
def test_the_engine_leaves_the_cores_that_others_compute_on(cores, of, threads):
    assert ThreadChoice(Busy(cores, of)).threads == (usable_cores() if cores <= 0.5 else threads)


def test_a_machine_that_cannot_be_measured_is_taken_as_idle():
    assert free_cores(None) == usable_cores()
    choice = ThreadChoice(None)
    assert choice.answered(100.0, None) is None


def test_a_neighbour_that_stays_costs_a_thread_and_one_that_leaves_gives_it_back(monkeypatch):
    monkeypatch.setattr("insource.serving.threads.usable_cores", lambda: 2)
    choice = ThreadChoice(IDLE)
    assert choice.threads == 2
    assert choice.answered(0.5, ONE_TAKEN) is None  # a moment is no neighbour
    changed = [choice.answered(0.5, ONE_TAKEN) for _ in range(3)]
    assert [bool(one) for one in changed] == [False, False, True]
    assert choice.threads == 1
    idle_s = 0.0
    while choice.threads == 1:
        choice.answered(1.0, IDLE)
        idle_s += 1.0
        assert idle_s <= 2 * MORE_AFTER_S
    assert idle_s >= MORE_AFTER_S
    assert choice.threads == 2


def test_a_neighbour_that_comes_and_goes_within_seconds_changes_nothing_for_long(monkeypatch):
    monkeypatch.setattr("insource.serving.threads.usable_cores", lambda: 2)
    choice = ThreadChoice(ONE_TAKEN)
    for turn in range(200):
        choice.answered(0.5, ONE_TAKEN if turn % 10 < 5 else IDLE)
        assert choice.threads == 1
