import subprocess
import sys
import time

import pytest

from insource.foundation import cores
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


@pytest.fixture
def quota(tmp_path, monkeypatch):
    """Write what the files of a control group say: one for version 2, two for version 1."""

    def write(*texts):
        files = tuple(tmp_path / str(number) for number in range(len(texts)))
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        monkeypatch.setattr(cores, "QUOTAS", ((tmp_path / "absent",), files))

    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda pid: set(range(8)))
    return write


@pytest.mark.parametrize(
    ("texts", "usable"),
    [
        (("max 100000\n",), 8),
        (("200000 100000\n",), 2),
        (("250000 100000\n",), 2),
        (("50000 100000\n",), 1),
        (("6400000 100000\n",), 8),
        (("300000\n", "100000\n"), 3),
        (("-1\n", "100000\n"), 8),
    ],
)
def test_the_cores_of_a_container_are_those_of_its_quota(quota, texts, usable):
    quota(*texts)
    assert usable_cores() == usable


@pytest.mark.parametrize(("others_s", "taken"), [(0.0, 0.0), (6.0, 0.0), (7.0, 1.0), (8.0, 2.0)])
def test_others_take_first_what_is_beyond_the_quota(quota, others_s, taken):
    quota("200000 100000")
    assert between(Sample(0.0, 0.0), Sample(1.0, others_s)) == Busy(taken, 2)


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
