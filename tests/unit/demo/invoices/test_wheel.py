"""The documents of the wheel: made in a child that has nothing but the standard library and the wheel."""

import sys

import pytest
from support.invoice_wheel import GENERATOR, PER_LAYOUT, documents, write_wheel

from insource.demo.invoices import wheel as module
from insource.demo.invoices.wheel import generated, member
from insource.foundation.errors import IntegrityError


def made_by(folder, generator):
    return generated(folder / write_wheel(folder, generator=generator).file_name)


def test_documents_are_those_of_the_generator_and_nothing_of_it_is_imported(tmp_path):
    found = made_by(tmp_path, GENERATOR)
    expected = documents()
    assert [one.text for one in found] == [one["text"] for one in expected]
    assert [one.gold for one in found] == [one["gold"] for one in expected]
    assert {(one.layout, one.split) for one in found} == {(one["template"], one["split"]) for one in expected}
    assert {one.place for one in found} == set(range(PER_LAYOUT))
    assert "taskdistill" not in sys.modules


SEES = (
    GENERATOR
    + """
def generate(made=generate):
    import importlib.util, os, sys
    if importlib.util.find_spec("numpy") or importlib.util.find_spec("insource"):
        raise RuntimeError("sees the installed packages")
    if any(name == "json" and "stand-in" in (module.__file__ or "") for name, module in sys.modules.items()):
        raise RuntimeError("sees the folder of the caller")
    return made()
"""
)


def test_the_child_sees_neither_packages_nor_the_callers_folder(tmp_path, monkeypatch):
    stand_in = tmp_path / "stand-in"
    stand_in.mkdir()
    (stand_in / "json.py").write_text("raise RuntimeError('this is not the standard library')")
    monkeypatch.chdir(stand_in)
    monkeypatch.setenv("PYTHONPATH", str(stand_in))
    assert made_by(tmp_path, SEES)


@pytest.mark.parametrize(
    ("generator", "why"),
    [
        ("raise RuntimeError('the seed is gone')", "the seed is gone"),
        ("import numpy", "No module named 'numpy'"),
        ("def other(): pass", "cannot import name 'generate'"),
        ("import os; os._exit(9)", "exit code 9"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
        ("print('hello')\n" + GENERATOR, "something else than documents"),
        ("def generate(): return []", "made no documents"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\n')\n" + GENERATOR, "something else than documents"),
        (GENERATOR.replace("self.split =", "self.splits ="), "has no attribute 'split'"),
        (GENERATOR.replace("LAYOUTS[layout]\n", "None\n"), "something else than documents"),
    ],
)
def test_a_generator_that_fails_is_named_with_its_reason(tmp_path, generator, why):
    with pytest.raises(IntegrityError) as caught:
        made_by(tmp_path, generator)
    assert caught.value.code == "invoices-unusable"
    assert why in caught.value.details[0]
    assert "insource demo" in caught.value.hint


def test_a_generator_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
    with pytest.raises(IntegrityError, match="did not give the invoices") as caught:
        made_by(tmp_path, "import time; time.sleep(60)")
    assert "did not end" in caught.value.details[0]


def test_a_wheel_without_the_file_is_named(tmp_path):
    pin = write_wheel(tmp_path)
    with pytest.raises(IntegrityError) as caught:
        member(tmp_path / pin.file_name, "taskdistill/_data/none.json")
    assert "none.json" in caught.value.details[0]
