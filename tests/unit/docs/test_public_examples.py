"""Every public name has examples in its docstring, and they run."""

from __future__ import annotations

import doctest
import inspect

import pytest
from support.example_results import example_result

import insource
from insource.logs.process_log import close_logs

NAMES = sorted(set(insource.__all__) - {"__version__"})
# These need an engine and a model, which take minutes: they show what to type without running all of it.
NOT_RUN_IN_FULL = {"ServedModel", "run"}


def examples_of(name: str) -> doctest.DocTest:
    [found] = doctest.DocTestFinder(recurse=False).find(getattr(insource, name), name, globs={})
    return found


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """The working directory of the examples, with the result of a run in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "result.json").write_text(example_result().model_dump_json(), encoding="utf-8")
    yield
    close_logs()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("run_folder")
def test_the_examples_of_a_public_name_run(name, capsys):
    examples = examples_of(name)
    assert examples.examples, f"{name} has no example in its docstring"
    assert "\nExamples:\n" in inspect.getdoc(getattr(insource, name))
    runner = doctest.DocTestRunner()
    runner.run(examples)
    assert not runner.failures, capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_only_what_needs_an_engine_skips_a_line(name):
    skipped = any(example.options.get(doctest.SKIP) for example in examples_of(name).examples)
    assert skipped == (name in NOT_RUN_IN_FULL)
