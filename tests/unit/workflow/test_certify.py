"""What a policy is certified for: the calibration documents' own calls, and the model's files."""

from support.fitted_models import finished_run, keyword_labels
from support.walks import session_on

from insource.logs.recorder import Recorder
from insource.routing.ways.certified import certified, changed
from insource.types import Example, JsonSchema, Labels, Provenance, Task
from insource.workflow.certify import certified_by, files_of
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
