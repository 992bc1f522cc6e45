"""What accepted fixes keep, drop and change, and what they say about it."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.made_rows import OPEN, mended, row
from support.planted_rows import KINDS, Rows, clean, context, look

from insource.dataset.checks.check import Context
from insource.dataset.checks.suite import apply_fixes, run_checks
from insource.dataset.rows.staged import staged
from insource.types import FixDecision, Labels, Provenance, Row

TEACHER, PERSON = Provenance(source="s", label="teacher", model="m"), Provenance(source="s", label="checked")
EDITED = Provenance(source="s", label="teacher", model="m", human_edited=True)
SPEC = "a specification of one pump with its power, its weight and its protection class, page"


@pytest.mark.parametrize("person", [PERSON, EDITED])
def test_no_number_of_teachers_outvotes_a_person(person: Provenance) -> None:
    rows = [row(n, "same", {"a": 1}, provenance=TEACHER) for n in (1, 2)]
    rows.append(row(3, "same", {"a": 2}, provenance=person))
    assert mended(rows, "contradictory-labels") == [rows[2]]


@pytest.mark.parametrize("name", ["exact-duplicates", "near-duplicates"])
@pytest.mark.parametrize(
    ("first", "second", "stays"),
    [
        ({"provenance": TEACHER}, {"provenance": PERSON}, "r2"),
        ({"split": "train"}, {"split": "test"}, "r2"),
        ({}, {"split": "validation"}, "r2"),
        ({"split": "calibration"}, {"split": "test"}, "r2"),
        ({"split": "test", "provenance": TEACHER}, {"provenance": PERSON}, "r1"),
        ({"split": "test"}, {"split": "test"}, "r1"),
    ],
)
def test_the_repeat_that_stands_highest_stays(
    name: str, first: dict[str, object], second: dict[str, object], stays: str
) -> None:
    other = SPEC if name == "exact-duplicates" else SPEC + "s"
    rows = [row(1, SPEC, {"a": 1}, **first), row(2, other, {"a": 1}, **second)]
    for parameters in ({}, {"threshold": 0.8, "keep": "longest"} if stays == "r2" else {}):
        assert [one.row_id for one in mended(rows, name, parameters)] == [stays]


def test_a_repeat_goes_for_the_one_of_three_that_stands_highest() -> None:
    rows = [row(n, "same", {"a": 1}, split=split) for n, split in enumerate(["train", "test", None], 1)]
    assert mended(rows, "exact-duplicates") == [rows[1]]


def test_a_text_equal_to_a_test_row_is_kept_for_it() -> None:
    early = row(1, SPEC, {"a": 1}, split="calibration")
    equal = [row(n, SPEC + "s", {"a": 1}, split=split) for n, split in [(2, "train"), (3, "test")]]
    assert mended([early, *equal], "near-duplicates") == equal


def test_no_training_rows_outvote_a_test_row() -> None:
    rows = [row(n, "same", {"a": 1}, split="train") for n in (1, 2)]
    rows.append(row(3, "same", {"a": 2}, split="test", provenance=TEACHER))
    assert mended(rows, "contradictory-labels") == [rows[2]]


def test_votes_are_counted_before_repeats_go() -> None:
    rows = [row(n, "same", {"a": a}) for n, a in enumerate([1, 1, 1, 2], 1)]
    rows += [row(n, f"other {n // 2}", {"a": n // 2}) for n in range(10, 20)]
    names = ("exact-duplicates", "contradictory-labels")
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        about = context(work, OPEN)
        announced = {one.check: one.count for one in run_checks(about) if one.check in names}
        done = apply_fixes(about, [FixDecision(check=name, decision="apply") for name in names])
        assert {fix.step.step: fix.step.dropped for fix in done} == announced
        assert next(one.row_id for one in work) == "r1"
        assert len(work) + sum(announced.values()) == len(rows)


@pytest.mark.parametrize("name", ["exact-duplicates", "near-duplicates"])
def test_a_null_and_an_absent_field_repeat_each_other(name: str) -> None:
    other = SPEC if name == "exact-duplicates" else SPEC + "s"
    rows = [row(1, SPEC, {"a": 1, "b": None}), row(2, other, {"a": 1})]
    assert look(KINDS[name], rows, OPEN)[0].count == 1


def test_what_a_fix_does_to_given_splits_is_said() -> None:
    rows = [row(n, f"same {n // 2}", {"a": n // 2}, split="test") for n in range(4)]
    rows.append(row(5, "same 0", {"a": 0}, split="train"))
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        about = context(work, OPEN)
        (found,) = run_checks(about, (KINDS["exact-duplicates"],))
        assert (found.count, found.measures["given_splits"]["test"]) == (3, 2)
        assert found.summary.endswith("test 2")
        apply_fixes(about, [FixDecision(check="exact-duplicates", decision="apply")])
        (note,) = work.notes
    assert "exact-duplicates dropped" in note
    assert note.endswith("test 2.")


def test_a_fix_that_could_not_be_applied_is_in_the_notes() -> None:
    with TemporaryDirectory() as folder, staged(Rows(clean(3)), Path(folder)) as work:
        about = Context(rows=work, output=OPEN, no_tokens="pip install it")
        assert apply_fixes(about, [FixDecision(check="over-length", decision="apply")]) == ()
        assert work.notes == (
            "The fix of over-length was not applied: tokens are not counted: pip install it.",
        )


def rated(values: dict[str, int], text: str = "bond", **fields: object) -> list[Row]:
    said = [value for value, count in values.items() for _ in range(count)]
    return [row(n, f"{text} {n}", {"rating": value}, **fields) for n, value in enumerate(said, 1)]


@pytest.mark.parametrize(
    "grades", [["AA", "AA-", "AA+", "A", "A-"], ["B", "B−", "B+"], ["zero", "null"], ["once", "11"]]
)
def test_grades_and_what_is_not_there_are_no_spellings(grades: list[str]) -> None:
    finding, _ = look(KINDS["term-spellings"], rated(dict.fromkeys(grades, 20)), OPEN)
    assert (finding.count, finding.fix) == (0, None)


def test_an_abbreviation_of_a_signed_term_is_none() -> None:
    rows = rated({"AB-": 30, "AB": 5}, "rated AB-, bond")
    assert look(KINDS["term-spellings"], rows, OPEN)[0].count == 0


def test_a_quotation_is_not_respelled_nor_counted() -> None:
    rows = rated({"3-phase": 30, "3 Phase": 4})
    rows[-1] = rows[-1].model_copy(update={"input": "runs on 3 Phase current"})
    finding, changed = look(KINDS["term-spellings"], rows, OPEN)
    assert finding.count == 3
    assert changed == {"r31", "r32", "r33"}
    quoting = [one.model_copy(update={"input": f"{one.output['rating']}, no {one.row_id}"}) for one in rows]
    finding, _ = look(KINDS["term-spellings"], quoting, OPEN)
    assert (finding.count, finding.fix) == (0, None)


def test_a_label_is_a_class_and_no_quotation() -> None:
    rows = [row(n, f"my Billing question {n}", "Billing" if n % 3 else "billing") for n in range(30)]
    labels = Labels(names=("Billing", "billing"), inferred=True)
    assert look(KINDS["term-spellings"], rows, labels)[0].count == 10
    table = {"aliases": {"label": {"Billing": "invoices"}}}
    kept = mended(rows, "term-spellings", table, output=labels)
    assert {one.output for one in kept} == {"invoices", "billing"}


def test_what_a_person_edited_is_not_respelled() -> None:
    rows = [*rated({"3-phase": 30}), row(31, "x", {"rating": "3 Phase"}, provenance=EDITED)]
    assert look(KINDS["term-spellings"], rows, OPEN)[0].count == 0
    table = {"aliases": {"rating": {"3 Phase": "3-phase"}}}
    assert mended(rows, "term-spellings", table) == rows


EXAMPLES = "Classify.\nText: charged twice\nLabel: billing\nText: parcel late\nLabel: delivery"


def labelled(count: int, prompt: str, labels: list[str]) -> list[Row]:
    return [row(n, f"ticket {n}", labels[n % len(labels)], prompt=prompt) for n in range(count)]


def test_examples_in_a_shared_prompt_are_no_leak() -> None:
    rows = labelled(30, EXAMPLES, ["billing", "delivery", "technical"])
    rows.append(row(31, "Why?\nAnswer: billing", "billing", prompt=EXAMPLES))
    finding, changed = look(KINDS["answer-in-prompt"], rows, OPEN)
    assert (finding.count, changed) == (1, {"r31"})
    assert mended(rows, "answer-in-prompt")[:30] == rows[:30]


def test_a_prompt_that_gives_away_its_only_answer_is_one() -> None:
    rows = labelled(3, "Classify. Label:\nLabel: billing", ["billing"])
    assert look(KINDS["answer-in-prompt"], rows, OPEN)[0].count == 3
    # The fourth row goes, so it cannot speak for the prompt.
    rows.append(row(4, "Answer: delivery", "delivery", prompt=rows[0].prompt))
    assert look(KINDS["answer-in-prompt"], rows, OPEN)[0].count == 4
    assert {one.prompt for one in mended(rows, "answer-in-prompt")} == {"Classify. Label:"}


def test_prompts_are_told_apart_as_they_were_decided_about() -> None:
    rows = labelled(25, EXAMPLES.replace("delivery", "x"), ["billing"])
    rows += [
        one.model_copy(update={"row_id": f"old {n}", "prompt": "Old."}) for n, one in enumerate(rows[:5])
    ]
    names = ("answer-in-prompt", "mixed-prompts")
    with TemporaryDirectory() as folder, staged(Rows(rows), Path(folder)) as work:
        about = context(work, OPEN)
        decided = [
            FixDecision(check=one.check, decision="apply", parameters=one.fix.parameters)
            for one in run_checks(about, tuple(KINDS[name] for name in names))
        ]
        steps = [fix.step for fix in apply_fixes(about, decided)]
        done = {step.step: (step.dropped, step.changed) for step in steps}
    assert done == {"mixed-prompts": (5, 0), "answer-in-prompt": (0, 25)}
