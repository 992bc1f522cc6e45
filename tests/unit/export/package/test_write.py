"""A package of a fitted model: written by the command, used by a Python that has no Insource."""

import ast
import importlib
import json
import os
import subprocess
import sys
import tomllib

import pytest
from support.child_python import TESTS, python_path
from support.fitted_models import (
    RUN,
    SURE,
    UNSURE,
    fields_output,
    finished_run,
    keyword_fields,
    keyword_labels,
)
from support.orders import orders
from support.tickets import label_rows, tickets
from support.walks import session_on

from insource.export.package.texts import HOLDS
from insource.export.package.write import build_wheel, package_name, write_package
from insource.foundation.errors import PrerequisiteError, UserError
from insource.models.fitted.labels import EMBEDDING, NGRAMS
from insource.models.fitted.registry import KINDS, save
from insource.types import Served
from insource.workflow.package import can_package, only_served, package_model

DOCUMENTS = [SURE, UNSURE, "The courier left the parcel, answer asap!", "", "Ü ß 🙂 \x00"]
ASK = """
import json, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("insource", "support"):
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import teams_model as package
documents = json.load(sys.stdin)
print(json.dumps([list(package.answer(one)) for one in documents]))
"""


def answers_of(folder, documents, **environment):
    """What the package answers in a process that cannot import Insource; its start is empty of our paths."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", ASK, str(folder)],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def project_folder(project):
    return project(config="[task]\nname = 'teams'\n")


@pytest.mark.parametrize(
    ("model", "output"), [(keyword_labels, None), (keyword_fields, fields_output())], ids=["labels", "fields"]
)
def test_the_package_answers_as_the_model_without_insource(project_folder, model, output):
    finished_run(project_folder / ".insource", model(), output, task="teams")
    packaged = package_model(session_on(project_folder))
    expected = [list(model().answer(one)) for one in DOCUMENTS]
    assert json.dumps(answers_of(packaged.folder, DOCUMENTS)) == json.dumps(expected)
    assert packaged.requirements == ()  # words in a dictionary need nothing


def label_model():
    from insource.arms.classical.label_fit import fit_labels

    return fit_labels(label_rows(tickets(60)), (NGRAMS,)).model


def tagger_model():
    from insource.arms.classical.tagger_fit import fit_crf

    return fit_crf(orders(40), lambda path: [0], lambda example, text: True).model


@pytest.mark.parametrize("model", [label_model, tagger_model])
def test_a_real_package_answers_to_the_last_bit_and_names_no_place(project_folder, model):
    made = model()
    finished_run(project_folder / ".insource", made, task="teams")
    packaged = package_model(session_on(project_folder))
    for path in packaged.folder.rglob("*"):
        assert not path.is_file() or str(project_folder).encode() not in path.read_bytes(), path
    documents = [*DOCUMENTS, *(one.input for one in orders(5, seed=9))]
    expected = [list(made.answer(one)) for one in documents]
    assert json.dumps(answers_of(packaged.folder, documents)) == json.dumps(expected)
    assert "What it holds of your rows" in (packaged.folder / "README.md").read_text()


def test_every_kind_says_what_of_the_rows_a_package_holds():
    assert {*HOLDS} == {kind for kind, place in KINDS.items() if "keyword" not in place}


@pytest.mark.model
def test_a_package_brings_the_sentence_embeddings(project_folder):
    """In a process without a package index and without the cache of their files."""
    from insource.arms.classical.label_fit import fit_labels

    made = fit_labels(label_rows(tickets(24)), (EMBEDDING,)).model
    finished_run(project_folder / ".insource", made, task="teams")
    packaged = package_model(session_on(project_folder))
    assert {one.partition(">=")[0] for one in packaged.requirements} >= {"onnxruntime", "tokenizers"}
    assert sorted(path.suffix for path in (packaged.folder / "teams_model/embedding").iterdir()) == [
        ".json",
        ".onnx",
    ]
    elsewhere = {"INSOURCE_CACHE": str(project_folder / "empty"), "PIP_NO_INDEX": "1"}
    expected = [list(made.answer(one)) for one in DOCUMENTS]
    assert json.dumps(answers_of(packaged.folder, DOCUMENTS, **elsewhere)) == json.dumps(expected)


def test_no_module_of_the_package_names_insource(project_folder):
    finished_run(project_folder / ".insource", task="teams")
    packaged = package_model(session_on(project_folder))
    modules = {path.relative_to(packaged.folder).as_posix() for path in packaged.folder.rglob("*.py")}
    assert "teams_model/_source/models/fitted/keyword.py" in modules
    assert not [name for name in modules if "/training/" in name or "/arms/" in name or "/config/" in name]
    for name in modules:
        for node in ast.walk(ast.parse((packaged.folder / name).read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module.partition(".")[0] != "insource", name
            elif isinstance(node, ast.Import):
                assert not [alias for alias in node.names if alias.name.startswith("insource")], name


def test_the_package_says_where_it_comes_from(project_folder):
    result = finished_run(project_folder / ".insource", task="teams")
    arm = result.evaluations[0].arm.name
    finished = result.model_copy(update={"served": result.served.model_copy(update={"arm": arm})})
    files = project_folder / ".insource" / "runs" / result.served.folder
    packaged = write_package(finished, files, project_folder / "out")
    said = json.loads((packaged.folder / "teams_model" / "provenance.json").read_text())
    assert (said["run"], said["dataset"]["digest"]) == (RUN, result.dataset.digest)
    measured = result.evaluations[0].metrics["exact_match"]
    assert said["figures"]["exact_match"] == measured.model_dump(mode="json")
    assert "Apache License" in (packaged.folder / "LICENSE").read_text()
    readme = (packaged.folder / "README.md").read_text()
    assert RUN in readme
    assert result.dataset.digest[:12] in readme
    project = tomllib.loads((packaged.folder / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"]) == ("teams-model", "2026.4.12")


def test_a_requirement_is_named_with_its_version(project_folder, tmp_path, monkeypatch):
    """A kind that imports numpy, and what it imports for a type checker alone."""
    import insource.models.fitted
    from insource.models.fitted.registry import KINDS

    (tmp_path / "arrays.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "from insource.models.fitted.keyword import KeywordModel\n"
        "if TYPE_CHECKING:\n    import torch\n    from insource.training.loop.fine_tune import fine_tune\n"
        "class Arrays(KeywordModel):\n"
        "    kind = 'arrays'\n"
        "    def answer(self, document, attributes=None):\n"
        "        import numpy as np\n"
        "        return super().answer(document)\n"
    )
    monkeypatch.setattr(insource.models.fitted, "__path__", [*insource.models.fitted.__path__, str(tmp_path)])
    monkeypatch.setitem(KINDS, "arrays", "insource.models.fitted.arrays:Arrays")
    importlib.invalidate_caches()
    from insource.models.fitted.arrays import Arrays

    result = finished_run(project_folder / ".insource", task="teams")
    save(Arrays({"a": {"x": 1.0}, "b": {}}), tmp_path / "model")
    packaged = write_package(result, tmp_path / "model", tmp_path / "out")
    version = importlib.import_module("numpy").__version__
    assert packaged.requirements == (f"numpy>={version}",)


def test_an_export_replaces_itself_and_nothing_else(project_folder):
    finished_run(project_folder / ".insource", task="teams")
    session = session_on(project_folder)
    first = package_model(session)
    (first.folder / "teams_model" / "left.txt").write_text("from before")
    assert package_model(session).folder == first.folder
    assert not (first.folder / "teams_model" / "left.txt").exists()
    (first.folder / ".git").mkdir()
    (first.folder / ".git" / "HEAD").write_text("main")
    package_model(session)
    assert (first.folder / ".git" / "HEAD").read_text() == "main"
    assert sorted(path.name for path in project_folder.glob(".*partial")) == []
    mine = project_folder / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError) as caught:
        package_model(session, folder=mine)
    assert caught.value.code == "already-exported"
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_only_a_fitted_model_is_a_package(project_folder):
    assert not can_package(session_on(project_folder))
    finished_run(project_folder / ".insource", task="teams")
    assert can_package(session_on(project_folder))


@pytest.mark.parametrize("kind", ["prompted", "hybrid"])
def test_a_winner_that_can_only_be_served_is_named(project_folder, kind):
    assert only_served(session_on(project_folder)) == ""
    served = Served(arm="best", model="a + b", kind=kind)
    finished_run(project_folder / ".insource", task="teams", served=served)
    assert only_served(session_on(project_folder)) == "a + b"
    assert not can_package(session_on(project_folder))


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("Support tickets", "support_tickets_model"),
        ("2nd-line", "task_2nd_line_model"),
        ("class", "task_class_model"),
        ("…", "task_model"),
    ],
)
def test_a_task_has_a_name_that_python_imports(task, name):
    assert package_name(task) == name
    assert name.isidentifier()


@pytest.fixture
def command_line(project_folder):
    def run(*arguments, **options):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=project_folder,
            env=options.pop("env"),
            capture_output=True,
            text=True,
            **options,
        )

    return run


def test_the_command_writes_it_and_python_runs_it(project_folder, command_line):
    finished_run(project_folder / ".insource", task="teams")
    done = command_line("-m", "support.fitted_models", "export", "--json", env=python_path(TESTS))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["package"] == "teams_model"
    (project_folder / "one.txt").write_text(SURE)
    (project_folder / "many.jsonl").write_text(
        f'{json.dumps(SURE)}\n{{"input": "The parcel?"}}\n{{"other": 1}}\n'
    )
    env = {"PYTHONPATH": told["folder"]}
    one = command_line("-m", "teams_model", "one.txt", env=env)
    assert (one.stdout, one.returncode) == ("billing\n", 0)
    many = command_line("-m", "teams_model", "many.jsonl", env=env)
    assert [json.loads(line)["output"] for line in many.stdout.splitlines()] == ["billing", "delivery"]
    assert many.returncode == 1
    assert "line 3" in many.stderr
    absent = command_line("-m", "teams_model", "absent.txt", env=env)
    assert absent.returncode == 1
    assert absent.stderr.startswith("error: absent.txt cannot be read")


def test_a_wheel_that_cannot_be_built_leaves_the_package(project_folder, monkeypatch):
    finished_run(project_folder / ".insource", task="teams")
    packaged = package_model(session_on(project_folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(PrerequisiteError) as caught:
        build_wheel(packaged)
    assert caught.value.code == "wheel-not-built"
    assert answers_of(packaged.folder, [SURE])[0][0] == "billing"
