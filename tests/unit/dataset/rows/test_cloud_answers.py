"""Cloud answers of a row: what is written is what is read."""

import pytest

from insource.dataset.rows.cloud_answers import answers_in, answers_of
from insource.dataset.rows.examples import example_of
from insource.dataset.rows.logged_answers import with_logged_answers
from insource.dataset.rows.records import row_of
from insource.types import LoggedAnswer

SAID = {
    "answered": "billing",
    "cut": {"finish_reason": "length"},
    "declined": {"finish_reason": "content_filter"},
    "ended badly": {"finish_reason": "error"},
    "failed": {"error": "HTTP 500"},
    "silent": None,
}


def test_an_example_writes_what_its_row_read():
    row = row_of({"input": "a", "output": "b", "cloud_outputs": SAID}, line=1, source="s")
    example = example_of(row, "b")
    assert answers_of(example) == SAID
    assert set(example.cloud_outputs) == {"answered"}
    assert set(example.cloud_failures) == SAID.keys() - {"answered"}


def test_none_and_nothing_are_no_answers():
    assert answers_in(None) == answers_in({}) == {}


@pytest.mark.parametrize(
    ("before", "after", "outputs", "failures"),
    [
        ("old", LoggedAnswer(text="new", latency_s=2.0), {"m": "new"}, {}),
        ("old", LoggedAnswer(text="", failure="no answer"), {}, {"m": "no answer"}),
        (None, LoggedAnswer(text="new"), {"m": "new"}, {}),
        ({"error": "x"}, LoggedAnswer(text="", failure="error: y"), {}, {"m": "error: y"}),
    ],
)
def test_the_log_s_answer_replaces_the_row_s_own(before, after, outputs, failures):
    record = {"input": "a", "output": "b", "cloud_outputs": {"m": before, "other": "o"}}
    row = with_logged_answers(row_of(record, line=1, source="s"), {"m": after})
    assert row.cloud_outputs == {**outputs, "other": "o"}
    assert row.cloud_failures == failures
