"""Random models of each architecture through train, export and serve: both models give the same answers.

The real parity gate decides: equal prompt tokens, equal greedy tokens, near log-probabilities.
"""

import json

import pytest
from support.tiny_models import ARCHITECTURES, tiny_model

from insource.cli.main import main
from insource.foundation.canonical import file_digest
from insource.models.catalogue import resolve
from insource.models.chat_format import chat_format_of
from insource.models.conversion import architectures, convert, vocabulary
from insource.models.conversion.pre_tokenizers import named

pytestmark = pytest.mark.model
CONFIG = """
[task]
labels = ["billing", "delivery", "technical"]
[training]
model = "hf/./model"
epochs = 8
batch_size = 4
learning_rate = 0.003
scored_documents = 0
[evaluation]
parity_prompts = 2
"""


@pytest.fixture
def exported(project, rows, tmp_path, monkeypatch, capsys):
    """Trains and exports a tiny model of an architecture by `insource export`; returns its run's folder."""

    def run(name, **changes):
        splits = ["train"] * 16 + ["validation"] * 4 + ["calibration"] * 2 + ["test"] * 2
        lines = [row | {"split": split} for row, split in zip(rows.tickets(24), splits, strict=True)]
        folder = project(lines, CONFIG)
        tiny_model(folder / "model", name, **changes)
        monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
        monkeypatch.chdir(folder)
        main(["export", "--json"])
        (found,) = (folder / ".insource" / "runs").glob("*-export-*")
        return found

    return run


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_what_is_served_answers_as_what_was_trained(exported, name):
    found = exported(name)
    parity = json.loads((found / "manifest.json").read_text())["result"]["parity"]
    assert parity["passed"]
    assert parity["prompt_tokens_equal"]
    assert parity["tokens"] > 3
    base = resolve("hf/./model")
    assert base.weights.name == "model"
    told = json.loads((found / "chat_format.json").read_text())
    assert told["digest"] == chat_format_of(base.gguf).digest
    assert told["tokenizer_digest"] == file_digest(found / "tokenizer.json")
    assert (found / "chat_template.jinja").read_text() == told["template"]


def broken_norms(monkeypatch):
    one = architectures.ARCHITECTURES["Gemma3ForCausalLM"]
    monkeypatch.setitem(architectures.ARCHITECTURES, "Gemma3ForCausalLM", one._replace(norms_plus_one=False))


def broken_rotation(monkeypatch):
    monkeypatch.setattr(convert, "permute", lambda matrix, heads: matrix)


def broken_splitting(monkeypatch):
    monkeypatch.setattr(vocabulary, "identified", lambda tokenizer: (named("smollm"), ""))


@pytest.mark.parametrize(
    ("name", "mistake"),
    [("gemma3", broken_norms), ("llama", broken_rotation), ("llama3", broken_splitting)],
)
def test_a_mistake_in_the_conversion_does_not_pass_the_gate(exported, monkeypatch, capsys, name, mistake):
    mistake(monkeypatch)
    with pytest.raises(SystemExit):
        exported(name, sharper=8.0)
    said = capsys.readouterr().err
    assert "does not answer like the trained one" in said
    assert ("prompt tokens NOT equal" in said) == (mistake is broken_splitting)


def test_a_folder_that_moved_keeps_its_own_weights(tmp_path, monkeypatch):
    """Unpacked weights are links: another model that takes the old place must not be trained instead."""
    import torch

    from insource.training.base import load_model

    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    first, moved = tmp_path / "model", tmp_path / "moved"
    tiny_model(first, "llama", dtype="float32", seed=0)
    before = load_model(resolve(f"hf/{first}"), torch.float32).state_dict()
    first.rename(moved)
    tiny_model(first, "llama", dtype="float32", seed=1)
    after = load_model(resolve(f"hf/{moved}"), torch.float32).state_dict()
    assert all(torch.equal(after[name], values) for name, values in before.items())
