"""Calls of one model are counted together, whatever they were called."""

from datetime import UTC, datetime, timedelta

import pytest

from insource.store.calls.calls import call_stats, find_calls, insert_calls
from insource.store.calls.model_names import with_names
from insource.store.calls.paging import iterate_calls
from insource.store.calls.selection import Selection
from insource.store.calls.usage import consumption
from insource.store.database import open_database
from insource.types import Call

START = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def stored(tmp_path):
    database = open_database(tmp_path / "insource.db")

    def store(*named):
        calls = [
            Call(
                call_id=f"{number}",
                started_at=START + timedelta(days=number),
                model_asked=asked,
                model_answered=answered,
                outcome="ok" if answered else "error",
                request={},
            )
            for number, (asked, answered) in enumerate(named)
        ]
        with database.write() as connection:
            insert_calls(connection, calls)
        return database

    yield store
    database.close()


def counted(database):
    lines = consumption(database, ["model"])
    assert {(one.model, one.calls, one.errors) for one in call_stats(database)} == {
        (line.group["model"], line.calls, line.errors) for line in lines
    }
    return {line.group["model"]: (line.calls, line.errors) for line in lines}


DATED = "gpt-4o-mini-2024-07-18"


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([("gpt-4o-mini", DATED), ("gpt-4o-mini", "")], {DATED: (2, 1)}),
        ([("openai/gpt-4o-mini", DATED), ("prod-chat", DATED), ("prod-chat", "")], {DATED: (3, 1)}),
        ([("m", ""), ("m", "")], {"m": (2, 2)}),
        # dated versions stay apart, and a failure belongs to the latest
        (
            [("m", "m-2026-01-01"), ("m", "m-2026-05-05"), ("m", "")],
            {"m-2026-01-01": (1, 0), "m-2026-05-05": (2, 1)},
        ),
        (
            [("c", "c@20250929"), ("c", "c@20251001"), ("c", "")],
            {"c@20250929": (1, 0), "c@20251001": (2, 1)},
        ),
        # no one knows which model a router would have chosen
        (
            [("auto", "tuned"), ("auto", DATED), ("auto", "")],
            {"tuned": (1, 0), DATED: (1, 0), "auto": (1, 1)},
        ),
        # a name that answers is a model of its own
        ([("big", "tuned"), ("big", "big"), ("big", "")], {"tuned": (1, 0), "big": (2, 1)}),
    ],
)
def test_a_failed_call_counts_for_the_model_that_answers_to_its_name(stored, named, expected):
    assert counted(stored(*named)) == expected


@pytest.mark.parametrize("name", ["gpt-4o-mini", DATED])
def test_either_name_selects_all_calls_of_the_model(stored, name):
    database = stored(("gpt-4o-mini", DATED), ("gpt-4o-mini", ""), ("other", "other"), ("gpt-4o-mini", ""))
    chosen = with_names(database, Selection(model=name))
    assert [call.call_id for call in iterate_calls(database, chosen)] == ["0", "1", "3"]
    [line] = consumption(database, ["model"], chosen)
    assert (line.group, line.calls, line.errors) == ({"model": DATED}, 3, 2)
    [same] = consumption(database, ["model"], chosen.model_copy(update={"outcome": "error"}))  # no rollups
    assert (same.group, same.calls) == ({"model": DATED}, 2)
    assert len(find_calls(database)) == 4
