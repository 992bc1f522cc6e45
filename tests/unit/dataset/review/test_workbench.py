"""Queues, and the workbench on which a reviewer decides row by row."""

import numpy as np
import pytest
from support.review_rows import JSON_TASK, LABELS, decided, row, workbench_of

from insource.cli.dataset.review_plain import nothing_waits
from insource.dataset.build import build
from insource.dataset.checks.row_view import RowView
from insource.dataset.review.decisions import write_reviews
from insource.dataset.review.fields import fields_of
from insource.dataset.review.queues import QUEUES, contradictions, disputes, missing_values
from insource.dataset.review.workbench import FieldVerdict, NotSaved
from insource.types import JsonSchema


def test_what_disagrees():
    about = row({"model": "AX-1", "tags": []})
    assert disputes(about, JSON_TASK, {"m": '{"model": "ax-1"}'}) == (0, 0)
    against, between = disputes(about, JSON_TASK, {"m": '{"model": "B"}', "n": '{"model": "AX-1"}'})
    assert against == between == 1 / 4
    assert disputes(row("billing"), LABELS, {"m": "delivery", "n": " billing "}) == (1, 1)
    assert disputes(about, JSON_TASK, {"m": "no json"}) == (1, 0)
    twins = [row("billing", text="Hello, it leaks!"), row("delivery", text="hello it  LEAKS"), row("billing")]
    assert list(contradictions(twins).values()) == [[0, 1]]


def test_what_is_not_grounded():
    about = row({"model": "AX-7", "power": {"voltage": "230 V", "phases": 3}, "tags": ["Pump", "sump"]})
    view = RowView(about)
    missing = {one.name: missing_values(one, view) for one in fields_of(about, JSON_TASK)}
    expected = {"model": ("AX-7",), "power.phases": (3,), "tags": ("sump",)}
    assert {name: values for name, values in missing.items() if values} == expected


def test_number_words_are_figures_for_the_reviewer_as_for_the_check():
    about = row({"power": {"phases": 3}}, text="A three-phase pump.")
    (phases,) = (one for one in fields_of(about, JSON_TASK) if one.name == "power.phases")
    assert missing_values(phases, RowView(about)) == ()


@pytest.fixture
def tickets(tmp_path, rows):
    records = rows.tickets(12)
    records[4]["cloud_outputs"] = {"m": "billing"}
    records[7] |= {"confidence": 0.2}
    records[2] |= {"confidence": 0.9}
    workbench, opened = workbench_of(tmp_path, records, LABELS)
    yield workbench
    opened.__exit__(None, None, None)


def test_queues_hold_the_rows_they_name(tickets):
    orders = {name: tickets.order(name).tolist() for name in QUEUES}
    assert orders["disagreements"] == [4]
    assert orders["low-confidence"] == [7, 2]
    assert orders["ungrounded"] == []
    assert orders["all"] == list(range(12))
    assert sorted(orders["audit"]) == list(range(12)) != orders["audit"]
    assert tickets.following("contested", "ann") is None
    assert "logged answer differs" in tickets.item("disagreements", "ann", 4).reasons[0]


def test_an_empty_queue_names_one_that_is_not(tickets):
    assert tickets.elsewhere("ungrounded", "ann") == ("disagreements", 1)
    tickets.save("ann", 4, [FieldVerdict("", "accepted")])
    assert tickets.elsewhere("ungrounded", "ann") == ("low-confidence", 2)
    assert nothing_waits(tickets, "ungrounded", "ann") == (
        "The queue ungrounded is empty. In low-confidence, 2 rows wait: "
        "insource dataset review --queue low-confidence"
    )
    assert nothing_waits(tickets, "disagreements", "ann").startswith(
        "The queue disagreements has no more rows. "
    )
    for index in range(11):
        tickets.save("ann", index, [FieldVerdict("", "accepted")])
    assert "In audit, 1 row waits: " in nothing_waits(tickets, "low-confidence", "ann")
    tickets.save("ann", 11, [FieldVerdict("", "accepted")])
    assert tickets.elsewhere("all", "ann") is None
    assert nothing_waits(tickets, "all", "ann").endswith("and no other queue has a row for ann")


def test_the_audit_is_the_same_for_a_seed(tmp_path, rows):
    def order(seed):
        workbench, opened = workbench_of(tmp_path, rows.tickets(30), LABELS, seed=seed)
        opened.__exit__(None, None, None)
        return workbench.order("audit").tolist()

    assert order(1) == order(1) != order(2)


def test_save_next_skip_and_undo(tickets):
    assert tickets.following("all", "ann") == 0
    assert tickets.following("all", "ann", 0) == 1
    tickets.save("ann", 0, [FieldVerdict("", "accepted")])
    tickets.save("ann", 1, [FieldVerdict("", "edited", choice=2)])
    assert [one.after for one in tickets.file.decisions()] == ["billing", "technical"]
    assert tickets.progress("all", "ann") == (2, 10)
    assert tickets.progress("all", "bob") == (0, 10)
    assert tickets.following("all", "bob", 11) == 2
    assert tickets.item("all", "ann", 1).mine[""].after == "technical"
    assert tickets.item("all", "bob", 1).mine == tickets.item("all", "bob", 1).others == {}
    assert tickets.undo("bob") is None
    assert [tickets.undo("ann"), tickets.undo("ann"), tickets.undo("ann")] == [1, 0, None]
    assert tickets.file.decisions() == ()


def test_undo_brings_an_earlier_decision_back(tickets):
    tickets.save("ann", 3, [FieldVerdict("", "edited", "delivery")])
    first = tickets.file.decisions()
    tickets.save("ann", 3, [FieldVerdict("", "rejected")])
    assert tickets.file.decisions() != first
    tickets.undo("ann")
    assert tickets.file.decisions() == first


def test_reviewers_see_each_other_in_the_contested_queue_only(tickets):
    tickets.save("ann", 0, [FieldVerdict("", "accepted")])
    tickets.save("bob", 0, [FieldVerdict("", "edited", choice=1)])
    assert tickets.following("contested", "ann") == 0
    assert tickets.item("contested", "ann", 0).others[""][0].after == "delivery"
    tickets.save("ann", 0, [FieldVerdict("", "edited", choice=1)])
    assert tickets.following("contested", "ann") is None


def test_a_row_comes_back_when_it_is_another_than_the_one_decided(tickets):
    was = [tickets.rows[place] for place in range(4)]
    before = [
        decided(was[0].model_copy(update={"input": "another text"})),
        decided(was[1].model_copy(update={"output": "technical"})),
        decided(was[2].model_copy(update={"output": "technical"}), verdict="edited", after=was[2].output),
        decided(was[3]),
        decided(row("billing", row_id="gone")),
    ]
    write_reviews(tickets.file.path, before)
    assert tickets.progress("all", "ann") == (2, 10)
    assert tickets.progress("all", "bob").waiting == 10
    assert tickets.following("all", "ann") == 0
    tickets.save("ann", 0, [FieldVerdict("", "accepted")])
    assert tickets.following("all", "ann", 0) == 1
    assert tickets.progress("all", "ann") == (3, 9)


def test_a_row_with_one_stale_field_comes_back_whole(tmp_path):
    record = {"id": "r", "input": "Pump", "output": {"model": "A", "tags": []}}
    workbench, opened = workbench_of(tmp_path, [record], JSON_TASK)
    verdicts = [FieldVerdict(one.pointer, "accepted") for one in fields_of(workbench.rows[0], JSON_TASK)]
    workbench.save("ann", 0, verdicts)
    opened.__exit__(None, None, None)
    record["output"]["tags"] = ["new"]
    workbench, opened = workbench_of(tmp_path, [record], JSON_TASK)
    assert workbench.progress("all", "ann") == (0, 1)
    assert workbench.item("all", "ann", 0).mine.keys() == {"/model", "/power/voltage", "/power/phases"}
    workbench.save("ann", 0, verdicts)
    assert workbench.progress("all", "ann") == (1, 0)
    opened.__exit__(None, None, None)


def test_a_stale_decision_contests_nothing(tickets):
    now = tickets.rows[0]
    earlier = now.model_copy(update={"output": "technical"})
    write_reviews(tickets.file.path, [decided(earlier), decided(now, who="bob")])
    assert tickets.contested() == ()
    assert tickets.following("contested", "ann") is None
    write_reviews(tickets.file.path, [decided(now, verdict="rejected"), decided(now, who="bob")])
    assert tickets.contested() == ("t0",)
    tickets.save("bob", 0, [FieldVerdict("", "rejected")])
    assert tickets.contested() == ()


def test_progress_survives_a_build_with_the_reviewers_own_edits(tmp_path, rows):
    workbench, opened = workbench_of(tmp_path, rows.tickets(12), LABELS)
    for place, choice in enumerate([1, 2, 0]):
        workbench.save("ann", place, [FieldVerdict("", "edited", choice=choice)])
    opened.__exit__(None, None, None)
    before = build(tmp_path / "rows.jsonl", name="t", output=LABELS, reviews=workbench.file.decisions())
    again, opened = workbench_of(tmp_path, rows.tickets(12), LABELS)
    assert again.progress("all", "ann") == (3, 9)
    opened.__exit__(None, None, None)
    targets = {one.row_id: one.target for split in before.splits.values() for one in split}
    corrected = [{**one, "output": targets[one["id"]]} for one in rows.tickets(12)]
    applied, opened = workbench_of(tmp_path, corrected, LABELS)
    assert applied.progress("all", "ann") == (3, 9)
    opened.__exit__(None, None, None)


def test_only_rows_with_other_decisions_are_read_again(tickets, monkeypatch):
    write_reviews(tickets.file.path, [decided(one) for one in tickets.rows])
    assert tickets.progress("all", "ann") == (12, 0)
    read = []
    monkeypatch.setattr(type(tickets.rows), "__getitem__", counted(type(tickets.rows).__getitem__, read))
    tickets.save("ann", 5, [FieldVerdict("", "rejected")])
    assert tickets.progress("all", "ann") == (12, 0)
    assert set(read) == {5}


def counted(method, read):
    def call(rows, index):
        read.append(index)
        return method(rows, index)

    return call


def test_the_overlap_is_a_share_of_the_rows_for_everybody(tmp_path, rows):
    workbench, opened = workbench_of(tmp_path, rows.tickets(300), LABELS, overlap=0.2)
    decisions = [decided(one, who="ann") for one in workbench.rows]
    write_reviews(workbench.file.path, decisions)
    waiting = workbench.progress("all", "bob").waiting
    assert 0.1 < waiting / 300 < 0.3
    assert workbench.progress("all", "ann") == (300, 0)
    assert np.array_equal(workbench.order("all"), np.arange(300))
    opened.__exit__(None, None, None)


def test_what_cannot_be_saved_is_refused(tmp_path, tickets):
    with pytest.raises(NotSaved, match="Every field"):
        tickets.save("ann", 0, [])
    with pytest.raises(NotSaved, match="would not fit the contract"):
        tickets.save("ann", 0, [FieldVerdict("", "edited", "weather")])
    with pytest.raises(NotSaved, match="is empty"):
        tickets.save("ann", 0, [FieldVerdict("", "edited", " ")])
    with pytest.raises(NotSaved, match="no choice 10"):
        tickets.save("ann", 0, [FieldVerdict("", "edited", choice=9)])
    assert tickets.file.decisions() == ()


def test_typed_values_have_the_type_of_their_field(tmp_path):
    records = [{"id": "r", "input": "Pump", "output": {"model": "A", "power": {"phases": 1}, "tags": []}}]
    workbench, opened = workbench_of(tmp_path, records, JSON_TASK)
    typed = {"/model": "12", "/power/voltage": "", "/power/phases": "3", "/tags": '["a"]'}
    workbench.save("ann", 0, [FieldVerdict(pointer, "edited", text) for pointer, text in typed.items()])
    found = {one.field: (one.verdict, one.after) for one in workbench.file.decisions()}
    assert found == {
        "/model": ("edited", "12"),
        "/power/voltage": ("accepted", None),
        "/power/phases": ("edited", 3),
        "/tags": ("edited", ["a"]),
    }
    with pytest.raises(NotSaved, match="not JSON"):
        workbench.save("ann", 0, [FieldVerdict(pointer, "edited", "three") for pointer in typed])
    opened.__exit__(None, None, None)


TEXT_OR_LIST = {"type": ["string", "array", "null"], "items": {"type": "string"}}
TEXT_OR_NUMBER = {"anyOf": [{"type": "string"}, {"type": "number"}]}


@pytest.mark.parametrize(
    ("schema", "before", "typed", "after"),
    [
        (TEXT_OR_LIST, "Brown", "Red", "Red"),
        (TEXT_OR_LIST, "Brown", '["Red", "Blue"]', ["Red", "Blue"]),
        (TEXT_OR_LIST, "Brown", "", None),
        (TEXT_OR_LIST, "480", "400", "400"),
        (TEXT_OR_LIST, ["Brown"], "Red", "Red"),
        (TEXT_OR_LIST, ["Brown"], '["Red"', ValueError),
        (TEXT_OR_LIST, ["Brown"], '"Red"', "Red"),
        (TEXT_OR_LIST, ["Brown"], "12", "12"),
        (TEXT_OR_NUMBER, "480", "400", "400"),
        (TEXT_OR_NUMBER, "480", "true", "true"),
        (TEXT_OR_NUMBER, "480", '["a"]', '["a"]'),
        (TEXT_OR_NUMBER, 480, "400", 400),
        (TEXT_OR_NUMBER, 480, "about 400", "about 400"),
        ({"type": "string"}, "480", "400", "400"),
        ({"type": "number"}, 480, "about 400", ValueError),
    ],
)
def test_what_is_typed_where_text_and_more_can_stand(tmp_path, schema, before, typed, after):
    contract = JsonSchema(definition={"type": "object", "properties": {"q": schema}})
    workbench, opened = workbench_of(tmp_path, [{"id": "r", "input": "x", "output": {"q": before}}], contract)
    edit = [FieldVerdict("/q", "edited", typed)]
    if after is ValueError:
        with pytest.raises(NotSaved, match="not JSON"):
            workbench.save("ann", 0, edit)
    else:
        workbench.save("ann", 0, edit)
        [found] = workbench.file.decisions()
        assert (found.after, type(found.after)) == (after, type(after))
    opened.__exit__(None, None, None)
