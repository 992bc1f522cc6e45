"""The limits of a virtual key, against the plainest statement of what they promise."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insource.store.key_limits import reserve, settle
from insource.store.keys import Granted, create_key, open_keys, spend_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ONE_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
names = iter(range(1_000_000))


@pytest.fixture
def keys(tmp_path):
    with open_keys(tmp_path) as database:
        yield database


@ONE_DATABASE
@given(
    budget=st.integers(1, 50),
    steps=st.lists(st.tuples(st.integers(0, 20), st.none() | st.integers(0, 20), st.booleans()), max_size=25),
)
def test_what_is_spent_and_held_never_exceeds_the_budget(keys, budget, steps):
    """Costs stay within their worst case here; calls end in another order than they began in, or never."""
    key, _ = create_key(keys, f"k{next(names)}", budget_usd=Decimal(budget))
    waiting, spent, held = [], 0, 0
    for worst, cost, oldest_ends in steps:
        with keys.write_raw() as connection:
            granted = reserve(connection, key, Decimal(worst), NOON)
            assert isinstance(granted, Granted) == (worst == 0 or spent + held + worst <= budget)
            if isinstance(granted, Granted):
                waiting.append((granted, worst, None if cost is None else min(cost, worst)))
                held += worst
            if oldest_ends and waiting:
                ended, reserved, cost_usd = waiting.pop(0)
                settle(connection, ended, None if cost_usd is None else Decimal(cost_usd))
                held -= reserved
                spent += reserved if cost_usd is None else cost_usd
        assert spent + held <= budget
    counted = spend_of(keys, key)
    assert (counted.spent_usd, counted.reserved_usd) == (spent, held)


@ONE_DATABASE
@given(per_minute=st.integers(1, 5), gaps=st.lists(st.integers(0, 40), max_size=40))
def test_a_request_is_admitted_when_the_last_minute_has_room(keys, per_minute, gaps):
    key, _ = create_key(keys, f"k{next(names)}", requests_per_minute=per_minute)
    admitted, now = [], NOON
    for gap in gaps:
        now += timedelta(seconds=gap)
        recent = [at for at in admitted if at > now - timedelta(seconds=60)]
        with keys.write_raw() as connection:
            answer = reserve(connection, key, Decimal(0), now)
        if len(recent) < per_minute:
            assert isinstance(answer, Granted)
            admitted.append(now)
        else:
            assert answer.retry_after_s == (recent[0] + timedelta(seconds=60) - now).total_seconds()
