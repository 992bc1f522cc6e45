import subprocess
import sys
import time

import pytest

from insource.serving.busy import (
    Busy,
    Sample,
    SlowAnswers,
    between,
    computed_s,
    sample,
    usable_cores,
)

BUSY, IDLE = Busy(1.4, 2), Busy(0.1, 2)


def test_what_others_took_is_without_what_we_computed():
    found = between(Sample(10.0, 100.0), Sample(12.0, 103.0), own_s=1.0)
    assert found.cores == 1.0


def test_it_is_at_most_all_cores():
    assert between(Sample(0.0, 0.0), Sample(1.0, 1e6)).cores == usable_cores()


def test_ticks_that_fall_between_two_answers_cancel_out():
    late, early = between(Sample(0, 0.0), Sample(1, 0.99), 1.0), between(Sample(0, 0.0), Sample(1, 1.01), 1.0)
    assert late.cores + early.cores == pytest.approx(0.0)


def test_what_cannot_be_measured_is_none():
    assert between(None, Sample(1.0, 1.0)) is None
    assert between(Sample(1.0, 1.0), Sample(1.0, 1.0)) is None


def test_a_process_that_computes_is_counted():
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        before, own = sample(), computed_s([child.pid])
        deadline = time.monotonic() + 20
        while computed_s([child.pid]) < own + 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        after = sample()
        computed = computed_s([child.pid]) - own
    finally:
        child.kill()
        child.wait()
    assert computed >= 0.3
    assert after.taken_s - before.taken_s >= 0.25  # in ticks of 10 ms


def test_a_process_that_has_ended_computes_nothing():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert computed_s([child.pid]) == 0.0


@pytest.mark.parametrize(
    ("took_s", "busy", "said"),
    [(4.0, BUSY, True), (4.0, IDLE, False), (4.0, None, False), (1.1, BUSY, False)],
)
def test_a_slow_answer_on_a_busy_machine_is_said_once(took_s, busy, said):
    slow = SlowAnswers()
    assert not any(slow.note(1.0, 10, BUSY) for _ in range(20))
    text = slow.note(took_s, 10, busy)
    assert bool(text) == said
    if said:
        assert "4.0 s" in text
        assert "1.4 of 2 cores" in text
        assert slow.note(took_s, 10, busy) == ""


def test_a_long_answer_is_not_a_slow_one():
    slow = SlowAnswers()
    for _ in range(20):
        slow.note(1.0, 10, BUSY)
    assert slow.note(10.0, 100, BUSY) == ""
