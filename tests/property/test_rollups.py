"""Rollups are the same as a recount, whatever was stored, repeated, purged and stored again."""

import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.store.calls.calls import find_calls, insert_calls
from insource.store.calls.histogram import RELATIVE_ERROR, bucket, merge, pack, quantiles, unpack
from insource.store.calls.retag import retag
from insource.store.calls.rollups import rebuild_rollups, stored_rollups
from insource.store.calls.selection import Selection
from insource.store.calls.usage import consumption, consumption_and_total
from insource.store.database import open_database
from insource.store.removal.purge import purge
from insource.types import Call, Usage

START = datetime(2026, 11, 20, 22, tzinfo=UTC)
counts = st.none() | st.integers(0, 2000)

calls = st.builds(
    Call,
    call_id=st.integers(0, 30).map(lambda n: f"call-{n}"),
    started_at=st.integers(0, 100).map(lambda hours: START + timedelta(hours=hours)),
    task=st.sampled_from(["a", "b"]),
    feature=st.sampled_from(["", "f"]),
    user=st.sampled_from(["", "u", "v"]),
    provider=st.sampled_from(["", "p"]),
    model_asked=st.sampled_from(["m", "n"]),
    model_answered=st.sampled_from(["", "", "m-2026-01-01", "n", "n-2026-02-02"]),
    usage_estimated=st.booleans(),
    outcome=st.sampled_from(["ok", "error", "interrupted"]),
    request=st.just({}),
    simulated=st.booleans(),
    usage=st.builds(Usage, input_tokens=counts, output_tokens=counts, cached_tokens=counts),
    cost_usd=st.none() | st.integers(0, 10**9).map(lambda n: Decimal(n) / 10**9),
    latency_s=st.none() | st.floats(0, 1e5),
    first_token_s=st.none() | st.floats(0, 10),
)
selections = st.builds(
    Selection,
    task=st.none() | st.sampled_from(["a", "b"]),
    user=st.none() | st.just("u"),
    until=st.none() | st.integers(0, 100).map(lambda hours: START + timedelta(hours=hours)),
)
steps = st.lists(st.lists(calls, max_size=8) | selections, max_size=8)


def rolled_up(connection):
    return {
        key: (totals.sums, totals.latency, totals.first_token) for key, totals in stored_rollups(connection)
    }


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_rollups_are_a_recount_and_nothing_purged_comes_back(steps):
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder) / "insource.db") as database:
        purged = set()
        for step in steps:
            if isinstance(step, Selection):
                before = {call.call_id for call in find_calls(database)}
                report = purge(database, Path(folder) / "spool", step, reason="a test")
                gone = before - {call.call_id for call in find_calls(database)}
                assert report.calls == len(gone)
                purged |= gone
            else:
                with database.write() as connection:
                    insert_calls(connection, step)
        assert purged.isdisjoint(call.call_id for call in find_calls(database))
        with database.write() as connection:
            kept = rolled_up(connection)
            rebuild_rollups(connection)
            assert rolled_up(connection) == kept


@settings(max_examples=20, deadline=None)
@given(found=st.lists(calls, max_size=12, unique_by=lambda call: call.call_id), untagged=st.integers(0, 12))
def test_calls_given_a_task_move_to_its_totals(found, untagged):
    found = [
        call.model_copy(update={"task": ""}) if number < untagged else call
        for number, call in enumerate(found)
    ]
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder) / "insource.db") as database:
        with database.write() as connection:
            insert_calls(connection, found)
        assert retag(database, [call.call_id for call in found], "c") == min(untagged, len(found))
        expected = {call.call_id: call.task or "c" for call in found}
        assert {call.call_id: call.task for call in find_calls(database)} == expected
        with database.write() as connection:
            kept = rolled_up(connection)
            rebuild_rollups(connection)
            assert rolled_up(connection) == kept


def one_name(found, call):
    """The name of a call's model; for a name that was only asked for, that of the latest answer to it."""
    name = call.model_answered or call.model_asked
    answers = [one for one in found if one.model_answered not in ("", one.model_asked)]
    own = {one.model_answered for one in answers}
    own |= {one.model_answered or one.model_asked for one in found if one.outcome == "ok"}
    answering = {(one.started_at.date(), one.model_answered) for one in answers if one.model_asked == name}
    one_model = len({model.partition("-")[0] for _, model in answering}) == 1
    return max(answering)[1] if one_model and name not in own else name


@settings(max_examples=40, deadline=None)
@given(
    found=st.lists(calls, max_size=20, unique_by=lambda call: call.call_id),
    by=st.lists(
        st.sampled_from(["day", "task", "feature", "model", "provider", "user"]), unique=True, max_size=3
    ),
    since=st.none() | st.integers(0, 100),
    until=st.none() | st.integers(0, 100),
)
def test_consumption_is_what_adding_up_the_calls_gives(found, by, since, until):
    selection = Selection(
        since=None if since is None else START + timedelta(hours=since),
        until=None if until is None else START + timedelta(hours=until),
    )
    chosen = [
        call
        for call in found
        if (selection.since is None or call.started_at >= selection.since)
        and (selection.until is None or call.started_at < selection.until)
    ]
    values = {
        "day": lambda call: str(call.started_at.date()),
        "model": lambda call: one_name(found, call),
        **{
            name: lambda call, name=name: getattr(call, name)
            for name in ("task", "feature", "provider", "user")
        },
    }
    expected = {}
    for call in chosen:
        expected.setdefault((*(values[name](call) for name in by), call.simulated), []).append(call)
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder) / "insource.db") as database:
        with database.write() as connection:
            insert_calls(connection, found)
        lines, whole = consumption_and_total(database, by, selection)
        assert whole == consumption(database, (), selection)
    assert {(*line.group.values(), line.simulated) for line in lines} == set(expected)
    assert len(lines) == len(expected)
    for line in lines:
        group = expected[(*line.group.values(), line.simulated)]
        answers = [call for call in group if call.outcome != "error"]
        unpriced = sum(call.cost_usd is None for call in answers)
        cost = sum((call.cost_usd for call in group if call.cost_usd is not None), Decimal(0))
        assert line.calls == len(group)
        assert line.errors == sum(call.outcome == "error" for call in group)
        assert line.interrupted == sum(call.outcome == "interrupted" for call in group)
        assert line.unpriced == unpriced
        assert line.cost_usd == (None if unpriced == len(answers) and not cost else cost)
        assert line.estimated == sum(call.usage_estimated for call in group)
        assert line.input_tokens == sum(call.usage.input_tokens or 0 for call in group)
        assert (line.p50_s is None) == all(call.latency_s is None for call in group)


durations = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=200)


@settings(deadline=None)
@given(values=durations, probability=st.sampled_from([0.01, 0.25, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_its_stated_error_of_numpy_s(values, probability):
    histogram = {}
    for value in values:
        merge(histogram, {bucket(value): 1})
    [found] = quantiles(histogram, [probability])
    exact = np.percentile(values, 100 * probability, method="inverted_cdf")
    assert abs(found - exact) <= RELATIVE_ERROR * exact * (1 + 1e-9)


@settings(deadline=None)
@given(first=durations, second=durations)
def test_what_was_merged_can_be_taken_out_again(first, second):
    one, two = {}, {}
    for histogram, values in ((one, first), (two, second)):
        for value in values:
            merge(histogram, {bucket(value): 1})
    both = dict(one)
    merge(both, two)
    merge(both, two, -1)
    assert both == one
    assert unpack(pack(both)) == one
