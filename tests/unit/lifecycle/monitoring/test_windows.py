"""Every call is checked once, and what has moved does not become the reference."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.lifecycle.drift.behaviour import Answered
from insource.lifecycle.monitoring.traffic import Observed
from insource.lifecycle.monitoring.windows import Windows
from insource.types import Estimate
from insource.types.monitoring import Check, InputDrift, Window

START = datetime(2026, 11, 1, tzinfo=UTC)
SIZE, MOST = 50, 200


def calls(start, end):
    return iter(
        Observed(f"c{i}", START + timedelta(minutes=i), "", {}, Answered(0.9, False))
        for i in range(start, end)
    )


def reading(start, end):
    """Read a log with these calls."""

    def read(since, until):
        return (
            call
            for call in calls(start, end)
            if (since is None or call.at >= since) and (until is None or call.at < until)
        )

    return read


def ids(some):
    return [int(one.call_id[1:]) for one in some]


def extent(some):
    return Window(source="calls", calls=len(some), first=some[0].at, last=some[-1].at)


def check(reference, window, moved):
    drift = InputDrift(auroc=Estimate(value=0.6), p_value=0.5, permutations=9, alpha=0.01)
    made = Check(
        task="t", version="v", at=START, window=extent(window), reference=extent(reference), inputs=drift
    )
    if not moved:
        return made
    from insource.lifecycle.monitoring.alerts import alerts_of

    shifted = made.model_copy(update={"inputs": drift.model_copy(update={"p_value": 0.0})})
    return shifted.model_copy(update={"alerts": alerts_of(shifted, ())})


def walk(n, moved_at=(), restart=()):
    """Check all windows of ``n`` calls; a process that restarts after a window reads the log anew."""
    seen, last = [], None
    windows = Windows(reading(0, n), None, last, size=SIZE, most=MOST)
    while (window := windows.next()) is not None:
        seen.append((ids(windows.reference), ids(window)))
        moved = len(seen) in moved_at
        last = check(windows.reference, window, moved)
        windows.checked(window, moved)
        if len(seen) in restart:
            windows = Windows(reading(0, n), None, last, size=SIZE, most=MOST)
    return seen, windows.missing


def test_the_first_calls_are_the_reference_and_it_grows_to_its_full_size():
    seen, missing = walk(420)
    assert [(len(reference), window[0]) for reference, window in seen] == [
        (50, 50), (100, 100), (150, 150), (200, 200), (200, 250), (200, 300), (200, 350),
    ]  # fmt: skip
    assert missing == 30


def test_after_something_moved_the_reference_stays_as_it_is():
    seen, _ = walk(420, moved_at={2})
    assert [len(reference) for reference, _ in seen] == [50, 100, 100, 100, 100, 100, 100]


@pytest.mark.parametrize(("n", "missing"), [(0, 100), (30, 70), (50, 50), (99, 1)])
def test_it_says_how_many_calls_are_missing(n, missing):
    assert walk(n) == ([], missing)


@given(
    n=st.integers(0, 600),
    moved_at=st.sets(st.integers(1, 12)),
    restart=st.sets(st.integers(1, 12)),
)
def test_a_restart_changes_nothing_and_each_call_is_checked_once(n, moved_at, restart):
    whole, missing = walk(n, moved_at)
    assert walk(n, moved_at, restart) == (whole, missing)
    checked = [call for _, window in whole for call in window]
    assert checked == list(range(SIZE, SIZE + len(checked)))
    assert all(not set(reference) & set(window) for reference, window in whole)


def test_when_the_log_was_purged_of_the_reference_new_calls_become_it():
    reference, window = list(calls(0, 100)), list(calls(100, 150))
    last = check(reference, window, moved=False)
    windows = Windows(reading(80, 300), None, last, size=SIZE, most=MOST)
    assert ids(windows.next()) == list(range(200, 250))
    assert ids(windows.reference) == list(range(150, 200))
