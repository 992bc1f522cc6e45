"""Review: fields of an answer, the reviews file, what a build makes of decisions, queues, the workbench."""

import json

import numpy as np
import pytest
from statsmodels.stats.inter_rater import cohens_kappa, to_table

from insource.dataset.build import build
from insource.dataset.checks.row_view import RowView
from insource.dataset.review.agreement import DOCUMENT, agreement
from insource.dataset.review.apply import Review, apply_reviews, contested_fields
from insource.dataset.review.decisions import DecisionFile, read_reviews, write_reviews
from insource.dataset.review.fields import fields_of, input_digest, value_at, with_values
from insource.dataset.review.queues import QUEUES, contradictions, disputes, missing_values
from insource.dataset.review.workbench import Refused, Verdict, Workbench
from insource.dataset.rows.records import row_of
from insource.dataset.rows.staged import staged
from insource.dataset.sources.json_lines import JsonLines
from insource.foundation.errors import DataError
from insource.types import JsonSchema, Labels, ReviewDecision, Text

SCHEMA = {
    "type": "object",
    "properties": {
        "model": {"type": "string"},
        "power": {
            "type": "object",
            "properties": {
                "voltage": {"type": ["string", "null"], "enum": ["230 V", "400 V", None]},
                "phases": {"type": "integer"},
            },
        },
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
JSON_TASK = JsonSchema(definition=SCHEMA)
LABELS = Labels(names=("billing", "delivery", "technical"))


def row(output, *, text="Pump AX-1, 400 V.", label="teacher", row_id="r1", **others):
    record = {"id": row_id, "input": text, "output": output, "provenance": {"label": label}, **others}
    return row_of(record, line=1, source="test")


def decided(about, field="", verdict="accepted", after=None, who="ann", **others):
    before = value_at(about, field)
    values = {"row_id": about.row_id, "before": before, "input": input_digest(about), "when": "2026-04-12"}
    after = before if verdict == "accepted" else after
    return ReviewDecision(
        **{**values, "field": field, "verdict": verdict, "after": after, "who": who, **others}
    )


def test_fields_are_the_leaves_of_schema_and_answer_and_lists_are_whole():
    found = fields_of(row({"model": "AX-1", "tags": ["a", "b"], "a/b~c": 1}), JSON_TASK)
    assert [(field.pointer, field.name, field.value) for field in found] == [
        ("/model", "model", "AX-1"),
        ("/power/voltage", "power.voltage", None),
        ("/power/phases", "power.phases", None),
        ("/tags", "tags", ["a", "b"]),
        ("/a~1b~0c", "a/b~c", 1),
    ]
    assert found[1].choices == ("230 V", "400 V", None)
    assert [one.pointer for one in fields_of(row({"model": "x"}, attributes=["model"]), JSON_TASK)] == [
        "/model"
    ]


def test_a_label_is_one_field_with_its_choices():
    [field] = fields_of(row("billing"), LABELS)
    assert (field.pointer, field.name, field.value, field.choices) == ("", "answer", "billing", LABELS.names)
    assert fields_of(row("some text"), Text())[0].choices == ()


def test_a_recursive_schema_ends():
    node = {"type": "object", "properties": {"next": {"$ref": "#"}, "value": {"type": "string"}}}
    assert len(fields_of(row({"value": "x"}), JsonSchema(definition=node))) < 20


def test_values_are_put_where_the_pointer_says():
    about = row({"model": "AX-1"})
    changed = with_values(about, {"/power/voltage": "400 V", "/a~1b~0c": 2})
    assert changed.output == {"model": "AX-1", "power": {"voltage": "400 V"}, "a/b~c": 2}
    assert with_values(about, {"/model": "AX-1", "/power/voltage": None}) is about
    assert with_values(row('{"model": "AX-1"}'), {"/model": "B"}).output == {"model": "B"}
    assert about.output == {"model": "AX-1"}


def test_a_correction_becomes_the_target_of_a_teachers_row():
    about = row({"model": "AX-1", "tags": []})
    partly = Review([decided(about, "/model", "edited", "AX-2")])(0, row({"model": "AX-1", "n": 1}))
    assert partly.output["model"] == "AX-2"
    assert (partly.provenance.label, partly.provenance.human_edited) == ("teacher", True)
    whole = Review([decided(about, "/model", "edited", "AX-2")])(0, about)
    assert (whole.provenance.label, whole.provenance.human_edited) == ("checked", True)
    vouched = Review([decided(about, "/model")])(0, about)
    assert (vouched.output, vouched.provenance.label) == (about.output, "checked")
    assert not vouched.provenance.human_edited
    people = row({"model": "AX-1"}, label="checked")
    corrected = Review([decided(people, "/model", "edited", "AX-2")])(0, people)
    assert (corrected.output, corrected.provenance.human_edited) == ({"model": "AX-2"}, False)


def test_applying_twice_changes_nothing_more():
    about = row({"model": "AX-1", "power": {"voltage": "230 V"}})
    decisions = [decided(about, "/model"), decided(about, "/power/voltage", "edited", "400 V")]
    once = Review(decisions)(0, about)
    again = Review(decisions)
    assert again(0, once) == once != about
    assert again.notes() == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "Pump AX-1, 230 V."},
        {"output": {"model": "AX-9"}},
        {"attributes": ["model"]},
        {"row_id": "other"},
    ],
)
def test_a_decision_about_what_the_row_was_is_stale(changed):
    about = row({"model": "AX-1"})
    now = row(**{"output": {"model": "AX-1"}, **changed})
    review = Review([decided(about, "/model", "edited", "AX-2")])
    assert review(0, now) == now
    assert review.notes() == (
        "1 review decisions are stale: the row has changed since, or is gone; they were not applied.",
    )


def test_rejected_rows_are_dropped_and_contested_ones_left():
    about = row({"model": "AX-1"})
    drop = Review([decided(about, "/model", "rejected")])(0, about)
    assert (drop.reason, drop.row_id) == ("rejected-in-review", "r1")
    review = Review([decided(about, "/model", "rejected"), decided(about, "/model", who="bob")])
    assert review(0, about) == about
    assert "1 reviewed fields are contested" in review.notes()[0]
    agreed = [decided(about, "/model", "edited", "B"), decided(about, "/model", "edited", "B", who="bob")]
    assert Review(agreed)(0, about).output == {"model": "B"}
    assert contested_fields(agreed) == frozenset()


def test_a_build_applies_decisions_and_its_funnel_adds_up(tmp_path, rows):
    path = tmp_path / "rows.jsonl"
    tickets = [{**one, "provenance": {"label": "teacher"}} for one in rows.tickets(20)]
    path.write_text("".join(json.dumps(one) + "\n" for one in tickets))
    first, second, third = (row_of(one, line=1, source="rows.jsonl") for one in tickets[:3])
    dataset = build(
        path,
        name="t",
        output=LABELS,
        reviews=[
            decided(first, verdict="edited", after="technical"),
            decided(second, verdict="rejected"),
            decided(third),
            decided(row("billing", row_id="gone")),
        ],
    )
    examples = {one.row_id: one for split in dataset.splits.values() for one in split}
    assert examples["t0"].target == "technical"
    assert examples["t0"].provenance.human_edited
    assert dataset.manifest.labels == {"checked": 2, "teacher": 17}
    step = next(one for one in dataset.manifest.funnel if one.step == "review")
    assert (step.rows_in, step.dropped, step.changed, step.rows_out) == (20, 1, 2, 19)
    assert dataset.manifest.dropped == {"rejected-in-review": 1}
    assert dataset.manifest.notes[0].startswith("1 review decisions are stale")


def test_without_decisions_the_funnel_has_no_step(tmp_path, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows.tickets(3)))
    with staged(JsonLines(path), tmp_path) as work:
        assert apply_reviews(work, []) == ()
        assert [step.step for step in work.funnel] == ["source"]


def test_bad_lines_of_the_reviews_file_are_named(tmp_path):
    path = tmp_path / "reviews.jsonl"
    good = decided(row("billing"))
    write_reviews(path, [good])
    line = path.read_text()
    wrong = {**json.loads(line), "verdict": "perhaps"}
    unequal = {**json.loads(line), "who": "bob", "after": "delivery"}
    path.write_text(f"{line}\n{{\n{line}{json.dumps(wrong)}\n{json.dumps(unequal)}\n[]\n")
    with pytest.raises(DataError) as error:
        read_reviews(path)
    assert error.value.code == "reviews-unreadable"
    assert [detail.split(":")[1] for detail in error.value.details] == ["3", "4", "5", "6", "7"]
    assert "ann decided this field on line 1 already" in error.value.details[1]
    assert "say edited" in error.value.details[3]


def test_the_file_is_sorted_and_an_edit_by_hand_is_seen(tmp_path):
    path = tmp_path / "reviews.jsonl"
    file = DecisionFile(path, tmp_path / "lock")
    about = [row({"model": "x"}, row_id=one) for one in ("b", "a")]
    for one in about:
        file.replace(one.row_id, "bob", [decided(one, "/model", who="bob")])
        file.replace(one.row_id, "ann", [decided(one, "/model", who="ann")])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(one["row_id"], one["who"]) for one in lines] == [
        ("a", "ann"), ("a", "bob"), ("b", "ann"), ("b", "bob"),
    ]  # fmt: skip
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert len(file.decisions()) == 2
    assert not list(tmp_path.glob(".*partial"))


def test_a_file_broken_by_hand_is_not_written_over(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text("half a line")
    with pytest.raises(DataError, match="1 line of"):
        DecisionFile(path, tmp_path / "lock").replace("a", "ann", [])
    assert path.read_text() == "half a line"


def test_agreement_by_document_and_field():
    about = [row({"model": "x", "n": n}, row_id=f"r{n}") for n in range(6)]
    decisions = [decided(one, field) for one in about for field in ("/model", "/n")]
    decisions += [decided(one, "/model", who="bob") for one in about]
    decisions += [decided(one, "/n", "edited", 9, who="bob") for one in about[:2]]
    decisions += [decided(one, "/n", who="bob") for one in about[2:]]
    found = {one.field: one for one in agreement(decisions)}
    assert found[DOCUMENT].agreed.value == found["/n"].agreed.value == 4 / 6
    assert found["/model"].agreed.value == 1
    assert found["/model"].kappa.value is None
    assert "chance" in found["/model"].kappa.note


def test_kappa_of_open_values_is_that_of_the_verdicts():
    about = [row({"no": f"INV-{n}"}, row_id=f"r{n}") for n in range(100)]
    wrong = {"ann": range(30), "bob": range(10, 45)}
    decisions = [
        decided(one, "/no", "rejected" if n in wrong[who] else "accepted", who=who)
        for n, one in enumerate(about)
        for who in wrong
    ]
    theirs = cohens_kappa([[20, 10], [15, 55]])
    for found in agreement(decisions):
        assert (found.agreed.value, found.categories) == (0.75, "verdicts")
        assert found.kappa.value == pytest.approx(theirs.kappa)
        assert (found.kappa.low, found.kappa.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp))
        assert found.kappa.method == "Cohen's κ, Fleiss-Cohen-Everitt"


def test_rejecting_other_rows_than_the_other_reviewer_is_no_agreement():
    about = [row({"no": f"INV-{n}"}, row_id=f"r{n}") for n in range(100)]
    decisions = [decided(one, "/no", "rejected" if n < 10 else "accepted") for n, one in enumerate(about)]
    decisions += [
        decided(one, "/no", "rejected" if 10 <= n < 20 else "accepted", who="bob")
        for n, one in enumerate(about)
    ]
    assert [round(one.kappa.value, 2) for one in agreement(decisions)] == [-0.11, -0.11]


def test_edits_to_other_values_share_the_verdict_and_are_not_alike():
    about = [row({"no": n, "by": "x"}, row_id=f"r{n}") for n in range(4)]
    decisions = [decided(one, "/no", "edited", 9) for one in about[:2]]
    decisions += [decided(one, "/no", "edited", 8, who="bob") for one in about[:2]]
    decisions += [decided(one, "/no", who=who) for one in about[2:] for who in ("ann", "bob")]
    decisions += [decided(one, "/by", who=who) for one in about for who in ("ann", "bob")]
    document, _, number = agreement(decisions)
    for found in (document, number):
        assert (found.agreed.value, found.kappa.value) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("contract", "answers", "pointer"),
    [
        (LABELS, LABELS.names, ""),
        (JSON_TASK, [{"power": {"voltage": one}} for one in ("230 V", "400 V", None)], "/power/voltage"),
    ],
)
def test_kappa_of_what_is_chosen_from_a_list_is_that_of_the_values(tmp_path, contract, answers, pointer):
    records = [{"id": f"r{n}", "input": f"text {n}", "output": answers[n % 3]} for n in range(30)]
    workbench, opened = workbench_of(tmp_path, records, contract)
    places = {"ann": [n % 3 for n in range(30)], "bob": [(n + (n < 9)) % 3 for n in range(30)]}
    for who, chosen in places.items():
        for n, choice in enumerate(chosen):
            fields = fields_of(workbench.rows[n], contract)
            others = [Verdict(one.pointer, "accepted") for one in fields if one.pointer != pointer]
            workbench.save(who, n, [*others, Verdict(pointer, "edited", choice=choice)])
    found = next(one for one in workbench.agreement() if one.field == pointer)
    theirs = cohens_kappa(to_table(np.column_stack([places["ann"], places["bob"]]))[0])
    assert found.categories == "values"
    assert found.kappa.value == pytest.approx(theirs.kappa)
    assert (found.kappa.low, found.kappa.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp))
    opened.__exit__(None, None, None)


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
    look = RowView(about)
    missing = {one.name: missing_values(one, look) for one in fields_of(about, JSON_TASK)}
    expected = {"model": ("AX-7",), "power.phases": (3,), "tags": ("sump",)}
    assert {name: values for name, values in missing.items() if values} == expected


def test_number_words_are_figures_for_the_reviewer_as_for_the_check():
    about = row({"power": {"phases": 3}}, text="A three-phase pump.")
    (phases,) = (one for one in fields_of(about, JSON_TASK) if one.name == "power.phases")
    assert missing_values(phases, RowView(about)) == ()


def workbench_of(tmp_path, records, contract, **options):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    opened = staged(JsonLines(path), tmp_path / "work")
    rows = opened.__enter__()
    file = DecisionFile(tmp_path / "reviews.jsonl", tmp_path / "lock")
    return Workbench(rows, contract, file, **options), opened


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


def test_the_audit_is_the_same_for_a_seed(tmp_path, rows):
    def order(seed):
        workbench, opened = workbench_of(tmp_path, rows.tickets(30), LABELS, seed=seed)
        opened.__exit__(None, None, None)
        return workbench.order("audit").tolist()

    assert order(1) == order(1) != order(2)


def test_save_next_skip_and_undo(tickets):
    assert tickets.following("all", "ann") == 0
    assert tickets.following("all", "ann", 0) == 1
    tickets.save("ann", 0, [Verdict("", "accepted")])
    tickets.save("ann", 1, [Verdict("", "edited", choice=2)])
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
    tickets.save("ann", 3, [Verdict("", "edited", "delivery")])
    first = tickets.file.decisions()
    tickets.save("ann", 3, [Verdict("", "rejected")])
    assert tickets.file.decisions() != first
    tickets.undo("ann")
    assert tickets.file.decisions() == first


def test_reviewers_see_each_other_in_the_contested_queue_only(tickets):
    tickets.save("ann", 0, [Verdict("", "accepted")])
    tickets.save("bob", 0, [Verdict("", "edited", choice=1)])
    assert tickets.following("contested", "ann") == 0
    assert tickets.item("contested", "ann", 0).others[""][0].after == "delivery"
    tickets.save("ann", 0, [Verdict("", "edited", choice=1)])
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
    tickets.save("ann", 0, [Verdict("", "accepted")])
    assert tickets.following("all", "ann", 0) == 1
    assert tickets.progress("all", "ann") == (3, 9)


def test_a_row_with_one_stale_field_comes_back_whole(tmp_path):
    record = {"id": "r", "input": "Pump", "output": {"model": "A", "tags": []}}
    workbench, opened = workbench_of(tmp_path, [record], JSON_TASK)
    verdicts = [Verdict(one.pointer, "accepted") for one in fields_of(workbench.rows[0], JSON_TASK)]
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
    tickets.save("bob", 0, [Verdict("", "rejected")])
    assert tickets.contested() == ()


def test_progress_survives_a_build_with_the_reviewers_own_edits(tmp_path, rows):
    workbench, opened = workbench_of(tmp_path, rows.tickets(12), LABELS)
    for place, choice in enumerate([1, 2, 0]):
        workbench.save("ann", place, [Verdict("", "edited", choice=choice)])
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
    tickets.save("ann", 5, [Verdict("", "rejected")])
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
    with pytest.raises(Refused, match="Every field"):
        tickets.save("ann", 0, [])
    with pytest.raises(Refused, match="would not fit the contract"):
        tickets.save("ann", 0, [Verdict("", "edited", "weather")])
    with pytest.raises(Refused, match="is empty"):
        tickets.save("ann", 0, [Verdict("", "edited", " ")])
    with pytest.raises(Refused, match="no choice 10"):
        tickets.save("ann", 0, [Verdict("", "edited", choice=9)])
    assert tickets.file.decisions() == ()


def test_typed_values_have_the_type_of_their_field(tmp_path):
    records = [{"id": "r", "input": "Pump", "output": {"model": "A", "power": {"phases": 1}, "tags": []}}]
    workbench, opened = workbench_of(tmp_path, records, JSON_TASK)
    typed = {"/model": "12", "/power/voltage": "", "/power/phases": "3", "/tags": '["a"]'}
    workbench.save("ann", 0, [Verdict(pointer, "edited", text) for pointer, text in typed.items()])
    found = {one.field: (one.verdict, one.after) for one in workbench.file.decisions()}
    assert found == {
        "/model": ("edited", "12"),
        "/power/voltage": ("accepted", None),
        "/power/phases": ("edited", 3),
        "/tags": ("edited", ["a"]),
    }
    with pytest.raises(Refused, match="not JSON"):
        workbench.save("ann", 0, [Verdict(pointer, "edited", "three") for pointer in typed])
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
    edit = [Verdict("/q", "edited", typed)]
    if after is ValueError:
        with pytest.raises(Refused, match="not JSON"):
            workbench.save("ann", 0, edit)
    else:
        workbench.save("ann", 0, edit)
        [found] = workbench.file.decisions()
        assert (found.after, type(found.after)) == (after, type(after))
    opened.__exit__(None, None, None)
