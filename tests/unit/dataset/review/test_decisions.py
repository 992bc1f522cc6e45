"""Fields of an answer, the reviews file, and what a build makes of decisions."""

import json

import pytest
from support.review_rows import JSON_TASK, LABELS, decided, row

from insource.dataset.build import build
from insource.dataset.review.apply import Review, apply_reviews, contested_fields
from insource.dataset.review.decisions import DecisionFile, read_reviews, write_reviews
from insource.dataset.review.fields import fields_of, with_values
from insource.dataset.rows.records import row_of
from insource.dataset.rows.staged import staged
from insource.dataset.sources.json_lines import JsonLines
from insource.foundation.errors import DataError
from insource.types import JsonSchema, Text


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
    assert "use `edited`" in error.value.details[3]


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
