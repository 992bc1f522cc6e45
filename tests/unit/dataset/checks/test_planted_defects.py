"""Every check finds what was planted, and leaves clean rows alone."""

import pytest
from support.held_out_phrases import SENTENCES
from support.planted_rows import (
    KINDS,
    OF_ANY_TASK,
    PLANTABLE,
    REFUSED,
    REPLIES,
    STATISTICAL,
    Rows,
    clean,
    labelled,
    look,
    plant,
)
from support.planted_tasks import TASKS

from insource.contract.infer import infer_output
from insource.dataset.checks.refusals import Refusals
from insource.dataset.checks.suite import NAMES
from insource.types import JsonSchema, Labels, Provenance, Row, Text

ROWS = 800
FOUND, FALSE = 0.95, 0.01
BY_FIELD = {"constant-fields", "class-imbalance"}
OWN_TESTS = {"near-duplicates", "label-errors", "teacher-disagreement", "special-tokens"}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return clean(ROWS)


def test_every_check_has_its_planted_defect() -> None:
    assert set(NAMES) - OWN_TESTS == {*PLANTABLE, *BY_FIELD}


@pytest.mark.parametrize("name", PLANTABLE)
def test_clean_rows_are_left_alone(name: str, rows: list[Row]) -> None:
    finding, pointed_at = look(KINDS[name], rows)
    assert not finding.skipped
    assert len(pointed_at) / len(rows) <= FALSE


@pytest.mark.parametrize("name", PLANTABLE)
def test_planted_defects_are_found(name: str) -> None:
    planted = plant(name, ROWS)
    finding, pointed_at = look(KINDS[name], planted.rows)
    assert len(planted.ids) >= 20
    assert len(planted.ids & pointed_at) / len(planted.ids) >= FOUND
    assert len(pointed_at - planted.ids) / len(planted.rows) <= FALSE
    assert finding.count == len(pointed_at)
    assert finding.fix is not None or name in STATISTICAL


@pytest.mark.parametrize("rate", [0.02, 0.2])
@pytest.mark.parametrize("name", [name for name in PLANTABLE if name != "format-drift"])
def test_planted_defects_are_found_be_they_few_or_many(name: str, rate: float) -> None:
    planted = plant(name, ROWS, rate=rate)
    _, pointed_at = look(KINDS[name], planted.rows)
    assert len(planted.ids & pointed_at) / len(planted.ids) >= FOUND
    assert len(pointed_at - planted.ids) / len(planted.rows) <= FALSE


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("task", ["labels", "text"])
@pytest.mark.parametrize("name", OF_ANY_TASK)
def test_planted_defects_are_found_where_the_contract_is_inferred(name: str, task: str, rate: float) -> None:
    planted = plant(name, 400, rate=rate, make=TASKS[task])
    output = infer_output(row.output for row in planted.rows)
    assert output.kind == task
    _, pointed_at = look(KINDS[name], planted.rows, output)
    assert len(planted.ids & pointed_at) / len(planted.ids) >= FOUND
    assert len(pointed_at - planted.ids) / len(planted.rows) <= FALSE


@pytest.mark.parametrize("task", ["labels", "text"])
def test_clean_rows_of_other_tasks_are_left_alone(task: str) -> None:
    rows = TASKS[task](400, 0)
    output = infer_output(row.output for row in rows)
    alarms = {name: len(look(KINDS[name], rows, output)[1]) / 400 for name in (*OF_ANY_TASK, "truncation")}
    assert max(alarms.values()) <= FALSE, alarms


def test_a_whole_sentence_without_a_full_stop_is_not_cut() -> None:
    rows = [row.model_copy(update={"output": text}) for row, text in zip(clean(12), SENTENCES, strict=True)]
    assert look(KINDS["truncation"], rows, Text())[0].count == 0


@pytest.mark.parametrize("answer", REFUSED)
def test_a_refusal_is_one_in_any_language(answer: str) -> None:
    row = Row(line=1, row_id="a", input="x", output=answer, provenance=Provenance(source="planted"))
    assert look(Refusals, [row], Text())[0].count == 1


@pytest.mark.parametrize("answer", REPLIES)
def test_an_ordinary_apology_is_no_refusal(answer: str) -> None:
    row = Row(line=1, row_id="a", input="x", output=answer, provenance=Provenance(source="planted"))
    assert look(Refusals, [row], Text())[0].count == 0


def test_a_label_that_reads_like_a_refusal_is_one_only_where_people_listed_it() -> None:
    said = "I cannot access my account"
    planted, output = labelled({"billing": 20, said: 20})
    planted = [row.model_copy(update={"input": "a ticket"}) for row in planted]
    assert look(Refusals, planted, output)[0].count == 0
    assert look(Refusals, planted, output.model_copy(update={"inferred": True}))[0].count == 20


def test_a_refusal_that_the_document_states_is_an_answer() -> None:
    said = "I cannot process this document."
    row = Row(
        line=1, row_id="a", input=f"They wrote: {said}", output=said, provenance=Provenance(source="planted")
    )
    assert look(Refusals, [row], Text())[0].count == 0


def test_a_constant_field_is_named() -> None:
    planted = [row.model_copy(update={"output": {**row.output, "protocols": ["MQTT"]}}) for row in clean(40)]
    finding, _ = look(KINDS["constant-fields"], planted)
    assert [one.detail for one in finding.instances] == ["protocols[] is always 'MQTT'"]
    assert (finding.count, finding.unit) == (1, "fields")


def test_a_field_of_list_items_is_constant_among_the_rows_that_have_items() -> None:
    lines = [[], [{"cur": "EUR"}, {"cur": "EUR"}]]
    planted = [
        row.model_copy(update={"output": {"id": i, "lines": lines[i % 2]}}) for i, row in enumerate(clean(60))
    ]
    finding, _ = look(KINDS["constant-fields"], planted, JsonSchema(definition={"type": "object"}))
    assert [one.detail for one in finding.instances] == [
        "lines[].cur is always 'EUR' in the 30 rows that have it"
    ]
    assert look(KINDS["constant-fields"], planted[:38], JsonSchema(definition={}))[0].count == 0


def test_of_more_fields_than_are_counted_none_is_called_never_filled() -> None:
    names = [f"f{i}" for i in range(600)]
    wide = JsonSchema(definition={"properties": {name: {} for name in [*names, "never"]}})
    planted = [row.model_copy(update={"output": dict.fromkeys(names, i)}) for i, row in enumerate(clean(20))]
    finding, _ = look(KINDS["constant-fields"], planted, wide)
    assert [one.detail for one in finding.instances] == ["never is never filled"]


def test_rare_classes_are_named_and_enough_rows_are_not() -> None:
    planted, output = labelled({"billing": 40, "technical": 40, "other": 4})
    finding, _ = look(KINDS["class-imbalance"], planted, output)
    assert finding.measures["label"]["rare"] == ["other"]
    assert look(KINDS["class-imbalance"], *labelled({"billing": 40, "technical": 5}))[0].count == 0


@pytest.mark.parametrize(("usual", "rare"), [(("x", "y"), "z"), ((1, 2), 3)])
def test_a_rare_class_is_named_where_the_contract_was_inferred(
    usual: tuple[object, ...], rare: object
) -> None:
    kinds = [usual[i % 2] for i in range(500)] + [rare, rare]
    planted = [
        one.model_copy(update={"output": {"kind": kind}}) for one, kind in zip(clean(502), kinds, strict=True)
    ]
    output = infer_output(row.output for row in planted)
    finding, _ = look(KINDS["class-imbalance"], planted, output)
    assert [one.detail for one in finding.instances] == [
        f"kind: 1 of 3 classes have fewer than 5 rows: '{rare}' 2"
    ]


def test_a_declared_class_without_rows_is_named() -> None:
    planted, _ = labelled({"x": 50, "y": 50})
    finding, _ = look(KINDS["class-imbalance"], planted, Labels(names=("x", "y", "z")))
    assert [one.detail for one in finding.instances] == [
        "label: 1 of 3 classes have fewer than 5 rows: 'z' 0"
    ]
    assert finding.measures["label"]["entropy_bits"] == 1.0


def test_ten_thousand_classes_and_one_class() -> None:
    many, output = labelled({f"c{i}": 1 for i in range(10_000)})
    assert look(KINDS["class-imbalance"], many, output)[0].measures["label"]["classes"] == 10_000
    one, output = labelled({"only": 30})
    assert look(KINDS["class-imbalance"], one, output)[0].count == 0
    assert look(KINDS["constant-fields"], one, output)[0].count == 1


def test_the_source_of_planted_rows_can_be_read_twice(rows: list[Row]) -> None:
    source = Rows(rows)
    assert list(source) == list(source) == rows
