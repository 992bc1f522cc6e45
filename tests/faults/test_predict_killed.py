"""A process is killed while it answers documents: no line is lost, none is there twice, all are in order."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest
from support.child_python import TESTS, python_path
from support.fitted_models import finished_run

pytestmark = pytest.mark.fault

# The model and the final rename count to the number at which the kernel ends the process.
CHILD = """
import os, signal, sys, threading
from pathlib import Path
import support.fitted_models
from insource.cli.main import main
from insource.models.fitted.model import FittedModel

at, lock, asked = int(sys.argv.pop(1)), threading.Lock(), Path("asked")
generate, replace = FittedModel.generate, Path.replace

def dies(now):
    if now:
        os.kill(os.getpid(), signal.SIGKILL)

def watched(self, request):
    with lock, asked.open("a") as file:
        file.write(request.document + "\\n")
        file.flush()
        dies(len(asked.read_text().splitlines()) == at)
    return generate(self, request)

def replaced(self, target):
    dies(at == -1)
    found = replace(self, target)
    dies(at == -2)
    return found

FittedModel.generate, Path.replace = watched, replaced
main()
"""
DOCUMENTS = 150


@pytest.fixture
def folder(project):
    made = project(config="[task]\nname = 'teams'\n")
    finished_run(made / ".insource")
    for name in ("a", "b"):
        rows = (json.dumps({"id": f"{name}{n}", "input": f"{name}{n}"}) for n in range(DOCUMENTS // 2))
        (made / f"{name}.jsonl").write_text("\n".join(rows))
    return made


def run(folder, at, target):
    arguments = [sys.executable, "-c", CHILD, str(at), "predict", "a.jsonl", "b.jsonl", "--to", target]
    env = os.environ | python_path(TESTS)
    return subprocess.run(arguments, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def read(path):
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("target", ["out.jsonl", "out.csv"])
def test_every_document_has_one_line_however_often_the_process_is_killed(folder, target):
    for at in (1, 40, 140, -1, -2):
        killed = run(folder, at, target)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (folder / target).exists() == (at == -2)
    done = run(folder, 0, target)
    assert done.returncode == 0, done.stderr
    expected = [f"{name}{n}" for name in ("a", "b") for n in range(DOCUMENTS // 2)]
    assert [line["id"] for line in read(folder / target)] == expected
    assert {line["output"] for line in read(folder / target)} <= {"billing", "delivery", "technical"}
    assert sorted(path.name for path in folder.glob(".out*")) == []
    # What had been written was not asked again: only answers in flight at a kill are.
    asked = (folder / "asked").read_text().splitlines()
    assert set(asked) == set(expected)
    assert len(asked) < 2 * DOCUMENTS
