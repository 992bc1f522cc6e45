"""A Hugging Face folder: converted once, whichever processes ask, and known by its content."""

import json
import shutil
import threading
import time
from contextlib import suppress

import pytest
from support.tiny_models import tiny_model

from insource.foundation.errors import InsourceError
from insource.models.weights import folder as module
from insource.models.weights.folder import checked, pickles, served

JSON_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture
def slow(monkeypatch, tmp_path):
    """A conversion that takes a while and empties its file first, as the real writer does; counts calls."""
    calls = []

    def convert(source, name, destination):
        calls.append(name)
        with destination.open("wb") as file:
            file.write(b"half")
            file.flush()
            time.sleep(0.2)
            file.write(b" and half")

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "read_source", lambda folder: None)
    monkeypatch.setattr(module, "convert", convert)
    return calls


def test_two_that_ask_at_once_get_one_whole_file(slow, tmp_path):
    read = []

    def ask():
        read.append(served(tmp_path, "a" * 64, "hf/x").read_bytes())

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [b"half and half"] * 3
    assert slow == ["hf/x"]


def test_a_conversion_that_fails_leaves_no_model(slow, tmp_path, monkeypatch):
    def full(source, name, destination):
        destination.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "convert", full)
    with pytest.raises(OSError, match="No space"):
        served(tmp_path, "a" * 64, "hf/x")
    assert not list((tmp_path / "cache" / "converted").glob("*.gguf"))
    assert not list((tmp_path / "cache" / "converted").glob("*.partial"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("whole") / "model", "llama")


@pytest.mark.parametrize("name", JSON_FILES)
@pytest.mark.parametrize("content", ["[]", "3", '"model"', "{", "{}"])
def test_json_of_another_form_is_named(whole, name, content, tmp_path, monkeypatch):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    (folder / name).write_text(content)
    if name == "tokenizer_config.json" and content in ("[]", "{}"):  # it says nothing, and need not
        assert served(checked(folder), "a" * 64, "hf/x").is_file()
        return
    with pytest.raises(InsourceError) as caught:
        served(checked(folder), "a" * 64, "hf/x")
    assert caught.value.hint


def test_a_missing_setting_is_never_an_error_of_python(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    config = json.loads((folder / "config.json").read_text())
    for key in config:
        (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != key}))
        with suppress(InsourceError):  # or the file is whole without this setting
            served(checked(folder), "a" * 64, "hf/x").unlink()


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (["pytorch_model.bin", "training_args.bin", "optimizer.pt"], ["pytorch_model.bin"]),
        (["pytorch_model-00001-of-00001.bin", "rng_state.pth"], ["pytorch_model-00001-of-00001.bin"]),
        (["consolidated.00.pth"], ["consolidated.00.pth"]),
        ([], []),
    ],
)
def test_pickles_are_those_that_hold_weights(names, weights, tmp_path):
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in pickles(tmp_path)] == weights
