"""Profiles of made-up logs: counts and money add up, and no interval misses its value."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from support.planted_logs import START, changed, orders, profiled, tickets

from insource.types import Usage

BASE = (*orders(days=2), *tickets(days=2, task=""))
COUNTS = st.none() | st.integers(0, 5000)
FIELDS = st.fixed_dictionaries(
    {
        "task": st.sampled_from(("orders", "desk", "")),
        "outcome": st.sampled_from(("ok", "ok", "ok", "error", "interrupted", "unread")),
        "cost_usd": st.none() | st.integers(-10, 10_000).map(lambda nano: Decimal(nano) / 1_000_000_000),
        "latency_s": st.none() | st.floats(0, 100),
        "simulated": st.sampled_from((False, False, False, True)),
        "source": st.sampled_from(("gateway", "arm")),
        "endpoint": st.sampled_from(("chat", "chat", "embeddings")),
        "usage": st.builds(Usage, input_tokens=COUNTS, cached_tokens=COUNTS, output_tokens=COUNTS),
        "started_at": st.integers(0, 20 * 24).map(lambda hour: START + timedelta(hours=hour)),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(BASE) - 1), FIELDS), max_size=60))
def test_every_call_and_every_cent_is_in_one_place(drawn):
    made = [
        changed(BASE[place], call_id=f"c{number}", **fields) for number, (place, fields) in enumerate(drawn)
    ]
    found = profiled(made)
    mine = sum(one.traffic.calls for one in found.profiles)
    assert mine + found.scattered + found.without_text == found.calls
    assert found.calls + sum(found.passed_over.values()) == len(made)
    assert sum(one.spending.usd or 0 for one in found.profiles) <= (found.usd or 0)
    for profile in found.profiles:
        traffic = profile.traffic
        assert traffic.calls == traffic.answered + traffic.errors + traffic.broken_off
        assert traffic.first_seen <= traffic.last_seen
        for name, one in profile.estimates():
            if one.value is None:
                assert one.note or one.method, name
            elif one.low is not None and one.high is not None:
                assert one.low <= one.value + 1e-9, name
                assert one.value <= one.high + 1e-9, name
