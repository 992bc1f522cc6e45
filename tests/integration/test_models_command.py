"""`insource models`: what is known, what is here, and a model fetched from a hub on loopback."""

import json
import os

import pytest
from support.fake_hub import COMMIT, fake_hub
from support.tiny_models import tiny_model

pytestmark = pytest.mark.model
NAME = "hf/org/tiny"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of the repository: a model, its card, and code that nobody asks for."""
    folder = tiny_model(tmp_path_factory.mktemp("hub") / "tiny", "qwen3")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A tiny model\n")
    (folder / "modeling_own.py").write_text("raise SystemExit('this code must not run')")
    (folder / "notes.txt").write_text("not read")
    return folder


@pytest.fixture
def hub(files, tmp_path):
    with fake_hub(files) as (hub, url):
        hub.environment = {
            "HF_ENDPOINT": url,
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": "hf_of_the_person",
            "INSOURCE_CACHE": str(tmp_path / "cache"),
            "HF_HOME": str(tmp_path / "home"),
        }
        yield hub


def kept(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_a_pulled_model_is_one_commit_of_checked_files_without_code(insource, hub, tmp_path):
    done = insource("models", "pull", NAME, env=hub.environment)
    assert done.returncode == 0, done.stderr
    assert "licence: apache-2.0" in done.stderr
    folder = tmp_path / "cache" / "hub" / "org--tiny" / COMMIT
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "pulled.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert all(COMMIT in path for path in hub.asked if "/resolve/" in path)
    assert "Bearer hf_of_the_person" in hub.tokens

    hub.asked.clear()
    shown = insource("models", "show", NAME, "--json", env=hub.environment | {"HF_HUB_OFFLINE": "1"})
    assert json.loads(shown.stdout)["stop tokens"] == "<|im_end|>"
    again = insource("models", "pull", NAME, env=hub.environment)
    assert again.returncode == 0
    assert not any("/resolve/" in path for path in hub.asked)  # the commit is here already


def test_a_revision_is_the_commit_that_it_was(insource, hub, tmp_path):
    insource("models", "pull", f"{NAME}@v1", env=hub.environment)
    hub.commit = "b2" * 20
    first = json.loads(insource("models", "show", f"{NAME}@v1", "--json", env=hub.environment).stdout)
    assert COMMIT in str(list((tmp_path / "cache" / "hub" / "org--tiny").glob("*/config.json")))
    insource("models", "pull", f"{NAME}@v1", env=hub.environment)
    assert (tmp_path / "cache" / "hub" / "org--tiny" / hub.commit / "config.json").is_file()
    second = json.loads(insource("models", "show", f"{NAME}@v1", "--json", env=hub.environment).stdout)
    assert first["digest"] == second["digest"]  # of the content, which is the same


@pytest.mark.parametrize(
    ("fault", "value", "code"),
    [
        ("status", 404, "model-not-found"),
        ("status", 403, "model-gated"),
        ("status", 500, "hub-unreachable"),
        ("corrupt", "model.safetensors", "checksum-mismatch"),
        ("cut", "model.safetensors", "hub-unreachable"),
        ("commit", "../../../etc", "hub-unreachable"),
    ],
)
def test_what_goes_wrong_is_named_and_nothing_is_kept(refuses, hub, tmp_path, fault, value, code):
    setattr(hub, fault, value)
    refuses("models", "pull", NAME, code=code, env=hub.environment)
    assert kept(tmp_path) == []


def test_no_hub_is_asked_without_pull(refuses, hub):
    said = refuses("models", "show", NAME, code="model-not-pulled", env=hub.environment)
    assert f"insource models pull {NAME}" in said
    refuses("models", "show", "hf/no-owner", code="model-unknown", env=hub.environment)
    assert hub.asked == []


def test_no_hub_is_asked_where_it_is_switched_off(refuses, hub):
    environment = hub.environment | {"HF_HUB_OFFLINE": "1"}
    refuses("models", "pull", NAME, code="hub-switched-off", env=environment)
    assert hub.asked == []


def test_a_hub_that_is_not_there(refuses, hub):
    environment = hub.environment | {"HF_ENDPOINT": "http://127.0.0.1:9"}
    refuses("models", "pull", NAME, code="hub-unreachable", env=environment)


@pytest.fixture
def pickled(tmp_path):
    """A folder with pickled weights, made from a tiny model."""
    import torch
    from safetensors.torch import load_file

    folder = tiny_model(tmp_path / "pickled", "llama")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    torch.save({"seed": 3}, folder / "training_args.bin")  # a trainer's, no weights
    (folder / "model.safetensors").unlink()
    return folder


def test_pickles_are_converted_only_when_asked(insource, refuses, pickled, tmp_path):
    environment = {"INSOURCE_CACHE": str(tmp_path / "cache")}
    said = refuses("models", "pull", f"hf/{pickled}", code="pickled-weights", env=environment)
    assert "--allow-pickles" in said
    done = insource("models", "pull", f"hf/{pickled}", "--allow-pickles", env=environment)
    assert done.returncode == 0, done.stderr
    assert insource("models", "show", f"hf/{pickled}", env=environment).returncode == 0
    assert not (pickled / "model.safetensors").exists()


class _Touches:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_that_would_run_code_does_not(refuses, pickled, tmp_path):
    import torch

    torch.save({"weight": _Touches(str(tmp_path / "ran"))}, pickled / "pytorch_model.bin")
    environment = {"INSOURCE_CACHE": str(tmp_path / "cache")}
    refuses("models", "pull", f"hf/{pickled}", "--allow-pickles", code="model-unreadable", env=environment)
    assert not (tmp_path / "ran").exists()
    assert kept(tmp_path) == []


def test_the_list_has_every_model_smallest_first(insource):
    found = json.loads(insource("models", "list", "--json").stdout)
    sizes = [model["parameters"] for model in found["models"]]
    assert sizes == sorted(sizes)
    (default,) = [model for model in found["models"] if model["name"] == "smollm2-135m-instruct"]
    assert default["at_hand"]
    told = insource("models", "list")
    assert found["date"] in told.stderr
    assert all(model["name"] in told.stdout for model in found["models"])


def test_show_says_what_is_known_and_where_to_get_it(insource, refuses):
    told = insource("models", "show", "qwen3-0.6b").stdout
    for part in ("Apache-2.0", "596,049,920", "Q8_0 0.63 GB", "top 6", "insource models pull qwen3-0.6b"):
        assert part in told
    refuses("models", "show", "gpt-17", code="model-unknown")
