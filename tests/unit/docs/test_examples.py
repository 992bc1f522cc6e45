"""The examples run as their pages say."""

from __future__ import annotations

import importlib.util
import shutil

from unit.docs.generated_pages import ROOT

from insource.cli.main import cli
from insource.config.loading import load
from insource.workflow.project import Project

TICKETS = ROOT / "examples" / "tickets"


def test_the_tickets_build_a_dataset_with_the_command_of_their_page(tmp_path, monkeypatch):
    project = tmp_path / "tickets"
    shutil.copytree(TICKETS, project, ignore=shutil.ignore_patterns(".insource", "__pycache__"))
    monkeypatch.chdir(project)
    cli.main(["dataset", "build", "--quiet"], standalone_mode=False)
    [folder] = (project / ".insource" / "datasets").iterdir()
    assert (folder / "manifest.json").is_file()
    assert (folder / "dropped.jsonl").read_text() == ""


def test_the_ticket_project_is_a_valid_configuration():
    project = Project.of(load(TICKETS / "insource.toml"))
    output = project.given_output()
    assert output is not None
    assert project.task(output).primary_metric == "accuracy"


def script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_logged_models_are_compared(capsys):
    found = script(TICKETS / "compare_logged.py").main()
    assert found.n == 60
    assert found.better + found.worse + found.same == found.n
    assert found.worse == 6  # tickets that only the small model routes wrong, one of them in prose
    assert found.sentence in capsys.readouterr().out


def test_calls_of_an_own_model_are_recorded_without_their_secrets(tmp_path):
    calls = script(ROOT / "examples" / "recording" / "record_calls.py").main(tmp_path / "log")
    assert [call.response_text for call in calls] == ["billing", "delivery", "technical"]
    assert all(call.outcome == "ok" and call.model_answered == "example/keywords" for call in calls)
    assert "Tr0ub4dor" not in "".join(call.model_dump_json() for call in calls)
