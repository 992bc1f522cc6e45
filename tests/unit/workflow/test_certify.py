"""What a policy is certified for: the calibration documents' own calls, and the model's files."""

import shutil

import pytest
from support.fitted_models import finished_run, keyword_labels
from support.judged_answers import figures
from support.walks import session_on

from insource.logs.recorder import Recorder
from insource.routing.ways.certified import certified, changed, schema_digest
from insource.types import Example, JsonSchema, Labels, Provenance, Task
from insource.types.certified import Certified
from insource.types.confidence import ConfidenceSummary
from insource.workflow.certify import BESIDE, certified_by, files_of, still_certified
from insource.workflow.serve import deployed

SCHEMA = {"type": "object", "properties": {"voltage": {"type": "string"}}, "required": ["voltage"]}
INFERRED = {"type": "object", "properties": {"voltage": {"type": "string", "maxLength": 8}}}
TASK = Task(name="specs", instruction="Extract.", output=JsonSchema(definition=INFERRED, inferred=True))
PROMPT = "You read data sheets."


def project(folder, more=""):
    (folder / "insource.toml").write_text(f"[task]\nname = 'specs'\n{more}")
    return folder


def logged(folder, prompt, schema):
    """A call in the log, and the example that a dataset made of it."""
    request = {
        "messages": [{"role": "developer", "content": prompt}, {"role": "user", "content": "480 V"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
    }
    with Recorder.open(folder / ".insource") as recorder:
        recording = recorder.begin(request, model_asked="cloud", task="specs", prompt_version="v3")
        recording.end(response_text='{"voltage":"480 V"}')
        recorder.flush()
    origin = Provenance(source="log", label="teacher", prompt_version="v3")
    target = '{"voltage":"480 V"}'
    return Example(row_id=recording.call_id, digest="d", input="480 V", target=target, provenance=origin)


def test_calls_of_the_log_certify_their_prompt_their_schema_and_their_version(tmp_path):
    folder = project(tmp_path)
    known = certified_by(session_on(folder), TASK, [logged(folder, PROMPT, SCHEMA)])
    assert changed(known, prompt=PROMPT, schema=SCHEMA, prompt_version="v3") == ""
    assert changed(known, prompt="Read contracts.") == "the system message"
    assert changed(known, schema={**SCHEMA, "required": []}) == "the schema of the answer"
    assert changed(known, prompt_version="v4") == "the prompt version 'v4'"


def test_rows_certify_the_prompt_that_is_recorded_with_a_clouds_answer(tmp_path):
    example = Example(
        row_id="r",
        digest="d",
        input="480 V",
        target="{}",
        cloud_calls={"cloud": {"prompt": PROMPT}},
        provenance=Provenance(source="rows.jsonl", line=1),
    )
    known = certified_by(session_on(project(tmp_path)), TASK, [example])
    assert changed(known, prompt=PROMPT) == changed(known, prompt="Extract.") == ""
    assert changed(known, prompt="Read contracts.") == "the system message"


def test_system_messages_that_are_other_for_each_document_certify_any(tmp_path):
    known = certified(TASK, [f"Read the sheet of {'x' * n}" for n in range(1, 300)])
    assert changed(known, prompt="Read the sheet of somebody else") == ""


def test_a_person_may_certify_a_further_prompt(tmp_path):
    workspace = tmp_path / ".insource"
    finished_run(workspace, keyword_labels())
    project(tmp_path, f"[routing]\nprompts = ['{PROMPT}']\n")
    known = deployed(session_on(tmp_path)).certified
    assert changed(known, prompt=PROMPT) == changed(known, prompt="Which team is this for?") == ""
    assert changed(known, prompt="Read contracts.") == "the system message"


def test_another_file_of_the_model_is_noticed_and_named(tmp_path):
    workspace = tmp_path / ".insource"
    result = finished_run(workspace, keyword_labels())
    project(tmp_path)
    session = session_on(tmp_path)
    files = files_of(workspace / "runs", result)
    known = certified(TASK.model_copy(update={"output": Labels(names=("a", "b"))}))
    routing = result.routing.model_copy(update={"certified": known.model_copy(update={"files": files})})
    kept = result.model_copy(update={"routing": routing})
    (workspace / "runs" / result.run_id / "result.json").write_text(kept.model_dump_json())
    assert deployed(session).model_changed == ""
    changed_file = next((workspace / "runs" / result.served.folder).rglob("*.json"))
    changed_file.write_text(changed_file.read_text() + " ")
    assert deployed(session).model_changed == f"the model (tfidf: {changed_file.name})"


@pytest.mark.parametrize("kept", ["now", "before"])
def test_the_arm_of_the_second_look_is_a_part_of_what_answers(tmp_path, kept):
    workspace = tmp_path / ".insource"
    result = finished_run(workspace, keyword_labels())
    beside = result.served.model_copy(update={"arm": "beside"})
    folder = workspace / "runs" / result.served.folder
    beside = beside.model_copy(update={"folder": f"{beside.folder}-beside"})
    shutil.copytree(folder, workspace / "runs" / beside.folder)
    confidence = ConfidenceSummary(
        second_look="beside", certifying=9, reason="", fields=figures(), answers=figures()
    )
    routing = result.routing.model_copy(update={"confidence": confidence})
    result = result.model_copy(update={"servable": (*result.servable, beside), "routing": routing})
    files = files_of(workspace / "runs", result)
    assert {name for name in files if name.startswith(BESIDE)}
    if kept == "before":
        files = {name: one for name, one in files.items() if not name.startswith(BESIDE)}
    known = certified(TASK).model_copy(update={"files": files})
    result = result.model_copy(update={"routing": routing.model_copy(update={"certified": known})})
    project(tmp_path)
    session = session_on(tmp_path)
    assert still_certified(session, TASK, result)[1] == ""
    changed_file = next((workspace / "runs" / beside.folder).rglob("*.json"))
    changed_file.write_text(changed_file.read_text() + " ")
    assert bool(still_certified(session, TASK, result)[1]) == (kept == "now")


def schema(voltage, kind):
    return {
        "type": "object",
        "properties": {"voltage": voltage, "kind": kind},
        "required": ["voltage", "kind"],
        "additionalProperties": False,
    }


SPELLINGS = [
    schema(voltage, kind)
    for voltage in (
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": "null", "title": "n"}, {"type": ["string"]}], "title": "V"},
    )
    for kind in (
        {"const": "x"},
        {"enum": ["x"]},
        {"type": "string", "enum": ["x"]},
        {"const": "x", "type": "string"},
    )
]
OTHERS = [
    schema({"anyOf": [{"type": "string"}, {"type": "null"}, {"type": "integer"}]}, {"const": "x"}),
    schema({"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}, {"const": "x"}),
    schema({"type": "string"}, {"const": "x"}),
    schema({"type": ["string", "null"]}, {"const": "y"}),
    schema({"type": ["string", "null"]}, {"type": "integer", "enum": ["x"]}),
    schema({"type": ["string", "null"]}, {"type": "string"}),
]


@pytest.mark.parametrize("own", SPELLINGS)
def test_another_spelling_of_a_schema_is_the_same_schema(own):
    known = certified(TASK, schemas=[own])
    assert [one for one in SPELLINGS if changed(known, schema=one)] == []
    assert [one for one in OTHERS if not changed(known, schema=one)] == []


def test_a_schema_that_an_earlier_version_certified_is_known():
    for own in SPELLINGS:
        kept = Certified(schemas=(schema_digest(own, folded=False),))
        assert changed(kept, schema=own) == ""


def test_a_property_and_a_value_may_be_named_like_a_keyword():
    odd = {"type": "object", "properties": {"const": {"enum": [{"const": 1}]}, "anyOf": {"type": "string"}}}
    assert schema_digest(odd) == schema_digest(odd | {"title": "odd"})
    assert schema_digest(odd) != schema_digest(
        odd | {"properties": {**odd["properties"], "const": {"enum": [{"enum": [1]}]}}}
    )


@pytest.mark.parametrize(
    ("prompt", "same"),
    [
        ("Read. Today is Monday, 9 November 2026.", True),
        ("Read. Today is Sat, 1 Dec 2026.", True),
        ("Read. Today is Someday, 1 Dec 2026.", False),
        ("Write. Today is Sat, 1 Dec 2026.", False),
    ],
)
def test_another_month_or_weekday_is_another_date(prompt, same):
    known = certified(
        TASK, [f"Read. Today is {day}, {at} November 2026." for day, at in (("Monday", 2), ("Tue", 3))]
    )
    assert (changed(known, prompt=prompt) == "") == same
