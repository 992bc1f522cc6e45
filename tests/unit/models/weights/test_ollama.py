"""Ollama's store: the blob behind a name, whatever form the name has."""

import hashlib
import json

import pytest
from support.model_files import EMPTY_GGUF

from insource.foundation.errors import InsourceError
from insource.models.catalogue import at_hand, resolve
from insource.models.weights.ollama import ADAPTER, MODEL, blob

SHA256 = hashlib.sha256(EMPTY_GGUF).hexdigest()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with one model; returns the function that puts a manifest there."""
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / f"sha256-{SHA256}").write_bytes(EMPTY_GGUF)

    def put(path="registry.ollama.ai/library/qwen3/0.6b", layers=((MODEL, f"sha256:{SHA256}"),), text=None):
        manifest = tmp_path / "manifests" / path
        manifest.parent.mkdir(parents=True, exist_ok=True)
        described = [{"mediaType": kind, "digest": digest} for kind, digest in layers]
        manifest.write_text(json.dumps({"layers": described}) if text is None else text)
        return tmp_path

    return put


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("qwen3:0.6b", "registry.ollama.ai/library/qwen3/0.6b"),
        ("mine", "registry.ollama.ai/library/mine/latest"),
        ("me/mine:v2", "registry.ollama.ai/me/mine/v2"),
        ("hf.co/org/model-GGUF:Q8_0", "hf.co/org/model-GGUF/Q8_0"),
    ],
)
def test_a_name_leads_to_its_blob(store, name, path):
    folder = store(path)
    assert blob(name) == (folder / "blobs" / f"sha256-{SHA256}", SHA256)
    assert at_hand(f"ollama/{name}")
    found = resolve(f"ollama/{name}")
    assert (found.name, found.digest, found.weights) == (f"ollama/{name}", SHA256, None)


@pytest.mark.parametrize(
    ("name", "manifest", "code"),
    [
        ("other", {}, "model-not-found"),
        ("../../etc/passwd", {}, "model-not-found"),
        ("qwen3:../../x", {}, "model-not-found"),
        ("qwen3:0.6b", {"text": "not JSON"}, "model-unreadable"),
        ("qwen3:0.6b", {"text": "[]"}, "model-unreadable"),
        ("qwen3:0.6b", {"layers": []}, "model-unreadable"),
        ("qwen3:0.6b", {"layers": [(MODEL, "sha256:../../x")]}, "model-unreadable"),
        ("qwen3:0.6b", {"layers": [(MODEL, f"sha256:{'0' * 64}")]}, "model-unreadable"),
        ("qwen3:0.6b", {"layers": [(MODEL, f"sha256:{SHA256}"), (ADAPTER, "x")]}, "model-unreadable"),
    ],
)
def test_what_is_not_a_model_is_refused(store, name, manifest, code):
    store(**manifest)
    with pytest.raises(InsourceError) as caught:
        resolve(f"ollama/{name}")
    assert caught.value.code == code
    assert not at_hand(f"ollama/{name}")


def test_a_blob_that_rotted_is_not_used(store):
    folder = store()
    (folder / "blobs" / f"sha256-{SHA256}").write_bytes(EMPTY_GGUF + b"\0")
    with pytest.raises(InsourceError) as caught:
        resolve("ollama/qwen3:0.6b")
    assert caught.value.code == "checksum-mismatch"
