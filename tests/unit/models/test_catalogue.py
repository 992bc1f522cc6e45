import pytest
from support.model_files import EMPTY_GGUF

from insource.foundation.canonical import file_digest
from insource.foundation.errors import UserError
from insource.models.catalogue import DEFAULT_MODEL, EMBEDDED, resolve
from insource.models.weights.wheel import cache_dir


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_dir() == tmp_path / "a"
    monkeypatch.delenv("INSOURCE_CACHE")
    assert cache_dir() == tmp_path / "b" / "insource"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "insource"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError) as caught:
        resolve("gpt-17")
    assert caught.value.code == "model-unknown"
    assert DEFAULT_MODEL in caught.value.details[0]


def test_a_file_of_one_s_own_is_known_by_its_content(tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(EMPTY_GGUF)
    found = resolve(f"gguf/{path}")
    assert (found.gguf, found.digest, found.licence) == (path, file_digest(path), "unknown")


def test_a_path_may_start_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.gguf").write_bytes(EMPTY_GGUF)
    assert resolve("gguf/~/mine.gguf").gguf == tmp_path / "mine.gguf"


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError) as caught:
        resolve(f"gguf/{tmp_path}/no.gguf")
    assert caught.value.code == "model-not-found"
    assert f"{tmp_path}/no.gguf" in caught.value.message


def test_every_embedded_model_is_pinned_and_permissive():
    for model in EMBEDDED.values():
        assert "==" in model.requirement
        assert len(model.wheel_sha256) == len(model.gguf_sha256) == 64
        assert model.licence in ("Apache-2.0", "MIT")
