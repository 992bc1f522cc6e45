"""After a purge, every file that still holds a purged row or answer is named, or gone."""

import json

import pytest
from click.testing import CliRunner
from support.arms import dataset_of, made_of
from support.scripted_provider import ScriptedProvider
from support.walks import session_on

from insource.arms.classical import labels
from insource.arms.floor import FACTORY as FLOOR
from insource.arms.logged import FACTORY as LOGGED
from insource.arms.paid import cloud_schema
from insource.arms.prompting import rungs
from insource.cli.main import cli
from insource.foundation.errors import InsourceError
from insource.logs.query import Log
from insource.runs.folders import StageSpec
from insource.types import SPLITS
from insource.workflow.evaluate import evaluate_arms

MARKER = "zanzibar"
CONFIG = """
[task]
name = 'tickets'
[evaluation]
prompted = ['few-shot free']
[reference]
model = 'openai/big'
base_url = '{url}'
api_key_env = 'PAID_KEY'
with_schema = true
cost_per_1000_usd = 1.0
"""
ANSWER = {"choices": [{"message": {"content": '{"label": "billing"}'}, "finish_reason": "stop"}], "usage": {}}
ARMS = (LOGGED, cloud_schema.SCHEMA_FACTORY, FLOOR, labels.NGRAM_FACTORY, rungs.FACTORY)


def holding(folder):
    """The folders below ``folder``, one level down, of which a file has the marker, as text or deflated."""
    return {path.parent.relative_to(folder).parts[0] for path in folder.rglob("*") if holds(path)}


def holds(path):
    return path.is_file() and MARKER.encode() in path.read_bytes().lower()


@pytest.fixture
def workspace(project, rows, label_task, tmp_path, monkeypatch):
    """A project whose rows all have the marker, its cloud's calls, its bought answers and its runs."""
    monkeypatch.setenv("PAID_KEY", "secret")
    lines = [line | {"input": f"{line['input']} {MARKER}"} for line in rows.tickets(20)]
    lines = [line | {"cloud_outputs": {"gpt": f"{MARKER} {line['output']}"}} for line in lines]
    examples = rows.examples(lines)
    dataset = dataset_of(examples[:10], examples[10:], label_task, clouds=("gpt",))
    with ScriptedProvider((200, ANSWER)) as provider:
        session = session_on(project(config=CONFIG.format(url=provider.url)))
        made = made_of(label_task, tmp_path, examples)
        evaluate_arms(session, dataset, label_task, made, ARMS)
    folder = session.project.workspace / "datasets" / f"d@{dataset.manifest.digest[:12]}"
    folder.mkdir(parents=True)
    for split in SPLITS:
        text = "".join(f"{one.model_dump_json()}\n" for one in dataset.splits[split])
        (folder / f"{split}.jsonl").write_text(text)
    (folder / "manifest.json").write_text(dataset.manifest.model_dump_json())
    with session.recorder() as recorder:
        for example in examples:
            tags = {"row_id": example.row_id}
            recorder.begin({"messages": []}, model_asked="gpt", task="tickets", tags=tags).end(
                response_text="x"
            )
        recorder.flush()
    return session.project


def purge(workspace, *conditions):
    config = str(workspace.folder / "insource.toml")
    done = CliRunner().invoke(cli, ["logs", "purge", "--config", config, "--yes", *conditions])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_the_runs_hold_of_purged_rows_is_named_or_gone(workspace):
    runs = workspace.runs.folder
    before = holding(runs)
    assert {run.stage for run in workspace.runs.complete() if run.path.name in before} >= {"fit", "prompt"}
    assert workspace.runs.answers.is_dir()
    said = purge(workspace, "--model", "gpt")
    assert "Not removed: 20 answers in dataset d@" in said
    left = holding(runs)
    assert left
    assert {name for name in left if name not in said} == set()
    assert not workspace.runs.answers.exists()
    everything = {path.name for path in workspace.workspace.iterdir() if path.is_dir() and holding(path)}
    assert everything <= {"runs", "datasets"}


def test_an_evaluation_of_bought_answers_is_named_when_they_are_purged(workspace):
    (bought,) = [
        run
        for run in workspace.runs.complete("evaluate")
        if run.manifest["spec"]["config"]["arm"]["name"] == "openai/big + schema"
    ]
    said = purge(workspace, "--source", "arm")
    assert "Removed 10 calls" in said
    assert f"Not removed: answers in the runs {bought.run_id}" in said.replace("\n", " ")
    assert "in dataset" not in said
    with Log(workspace.workspace) as log:
        assert {call.model_asked for call in log.calls()} == {"gpt"}


def test_an_interrupted_run_is_named(workspace):
    def killed(folder):
        (folder / "records.jsonl").write_text(json.dumps({"text": MARKER}))
        raise InsourceError("killed", "")

    spec = StageSpec(stage="evaluate", version=1, inputs={}, config={}, seed=0, libraries=())
    with pytest.raises(InsourceError):
        workspace.runs.run(spec, killed)
    assert "Interrupted runs may hold some, too (evaluate)" in purge(workspace, "--model", "gpt")


@pytest.mark.parametrize("manifest", ["", "{", "[]", "{}", None], ids=str)
def test_a_damaged_run_does_not_hide_the_others(workspace, manifest):
    """The calls are gone by then, so a second purge could not name them."""
    first = next(iter(workspace.runs.complete("fit")))
    if manifest is None:
        next(workspace.runs.folder.glob("*-evaluate-*/records.jsonl")).unlink()
    else:
        (first.path / "manifest.json").write_text(manifest)
    said = purge(workspace, "--model", "gpt")
    assert {name for name in holding(workspace.runs.folder) if name not in said} == set()
