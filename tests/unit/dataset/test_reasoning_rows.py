"""Rows with reasoning before their answers: the same labels, and what is trained before them."""

import json

import pytest
from support.builds import CONFIG, SCHEMA, Walk, rows
from support.walks import session_on
from unit.training.test_preflight import Characters

from insource.arms.prompts import grammar_for
from insource.contract.writable import unwritable
from insource.dataset.export.formats import FORMATS
from insource.dataset.saved.folder import load
from insource.training.preflight import check_writable
from insource.training.tokenize import IGNORE, tokenize
from insource.workflow.check import check_dataset
from insource.workflow.review import open_workbench

MARKED = {"type": "string", "maxLength": 40, "x-insource": {"reasoning": True}}
DECLARED = {
    **SCHEMA,
    "properties": {"a": SCHEMA["properties"]["a"], "why": MARKED, "b": SCHEMA["properties"]["b"]},
    "additionalProperties": False,
}


def reasoned(row):
    """The row with reasoning where its number is even, in its answer and in a cloud's."""
    number = row["output"]["b"]
    cloud = {"fake/one": json.dumps({"why": "guess", **row["output"]})}
    if number % 2:
        return {**row, "cloud_outputs": cloud}
    output = {**row["output"], "why": f"It says {number}."}
    return {**row, "output": json.dumps(output) if number % 4 else output, "cloud_outputs": cloud}


@pytest.fixture
def declared(project):
    return project(map(reasoned, rows()), CONFIG, files={"schema.json": DECLARED})


def test_the_card_says_how_many_rows_have_reasoning(declared):
    (note,) = [one for one in Walk(declared).manifest.notes if "reasoning" in one]
    assert note.startswith("20 of 40 rows have `why` before the answer: reasoning")


def examples_of(folder):
    walk = Walk(folder)
    loaded = load(walk.path)
    found = {one.row_id: one for split in loaded.splits.values() for one in split}
    return walk.session.project.task(walk.manifest.output), found


def test_labels_and_cloud_answers_are_those_of_rows_without_reasoning(declared):
    _, found = examples_of(declared)
    for row in rows():
        one, number = found[row["id"]], row["output"]["b"]
        assert json.loads(one.target) == row["output"]
        assert json.loads(one.cloud_outputs["fake/one"]) == row["output"]
        assert one.reasoning == ("" if number % 2 else f"It says {number}.")


def test_the_model_is_trained_to_write_it_first_and_the_grammar_can(declared):
    task, found = examples_of(declared)
    check_writable(task, list(found.values()))
    tokenizer = Characters()
    for one in found.values():
        (row,) = tokenize(tokenizer, task, [one])
        answer = [token for token in row.labels if token != IGNORE][:-1]
        said = one.target if not one.reasoning else '{"why":"' + one.reasoning + '",' + one.target[1:]
        assert "".join(map(chr, answer)) == said
        assert unwritable(said, task.output.generated) == ""
        assert FORMATS["openai-chat"](task, one)["messages"][-1]["content"] == said
        assert '"why"' in grammar_for(task, one)


def test_reasoning_that_breaks_its_own_schema_is_a_bad_row(project):
    long = {**rows()[0], "output": {**rows()[0]["output"], "why": "x" * 41}}
    number = {**rows()[1], "output": {**rows()[1]["output"], "why": 7}}
    lenient = CONFIG + 'on_bad_rows = "drop"\n'
    folder = project([long, number, *rows()[2:]], lenient, files={"schema.json": DECLARED})
    dropped = [json.loads(line) for line in (Walk(folder).path / "dropped.jsonl").read_text().splitlines()]
    assert [(one["row_id"], one["reason"]) for one in dropped] == [
        ("r0", "schema-violation"),
        ("r1", "schema-violation"),
    ]
    assert all(one["detail"].startswith("why: ") for one in dropped)


def test_checks_and_reviewers_see_the_answer_only(declared):
    report = check_dataset(session_on(declared))
    assert "why" not in json.dumps([one.model_dump(mode="json") for one in report.findings])
    with open_workbench(session_on(declared)) as bench:
        assert all("why" not in row.output for row in bench.rows)
