"""The model of a plan, from the catalogue, a configuration or a GGUF header."""

import json

import pytest
from support.gguf_files import write_gguf

from insource.decision.hardware.models import largest_first, planned_model
from insource.foundation.errors import InsourceError
from insource.models.known_models import known_models
from insource.training.planning.shape import known_shape

KNOWN = list(known_models().models.values())


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: model.name)
def test_the_shapes_of_the_catalogue_have_the_stated_parameters(model):
    """A wrong width would move every figure of the plan. LFM2's convolutions have matrices of their own."""
    tolerance = 0.06 if model.family == "LFM2" else 0.01
    assert known_shape(model).parameters == pytest.approx(model.parameters, rel=tolerance)


def test_a_model_of_the_catalogue_need_not_be_here():
    found = planned_model("qwen3-8b")
    assert found.licence == "Apache-2.0"
    assert found == planned_model(known_models().models["qwen3-8b"].source)
    assert planned_model("qwen3-8b") == planned_model("hf/Qwen/Qwen3-8B@main")


def test_a_folder_needs_its_configuration_only(tmp_path):
    config = {
        "model_type": "qwen3",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "vocab_size": 400,
        "max_position_embeddings": 512,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = planned_model(f"hf/{tmp_path}")
    assert (found.shape.layers, found.shape.query, found.shape.key_value) == (3, 128, 64)
    assert found.parameters == found.shape.parameters


def test_a_gguf_file_states_its_shape(tmp_path):
    from support.gguf_files import HEADS, KEPT_HEADS, LAYERS, WIDTH

    shape = planned_model(f"gguf/{write_gguf(tmp_path / 'm.gguf')}").shape
    assert (shape.layers, shape.hidden, shape.heads) == (LAYERS, WIDTH, HEADS)
    assert shape.key_value == WIDTH * KEPT_HEADS // HEADS
    wide = planned_model(f"gguf/{write_gguf(tmp_path / 'wide.gguf', head=32)}").shape
    assert (wide.query, wide.key_value) == (32 * HEADS, 32 * KEPT_HEADS)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("no-such-model", "model-unknown"),
        ("gguf/./nowhere.gguf", "model-not-found"),
        ("hf/some/repository", "model-not-pulled"),
    ],
)
def test_a_model_that_there_is_not(name, code):
    with pytest.raises(InsourceError) as caught:
        planned_model(name)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", "model-unreadable"), ("{}", "model-not-trainable"), ("[]", "model-unreadable")],
)
def test_a_configuration_that_says_nothing(tmp_path, text, code):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InsourceError) as caught:
        planned_model(f"hf/{tmp_path}")
    assert caught.value.code == code


def test_families_with_a_smaller_cache_are_named():
    noted = {model.name: model.cache_note for model in largest_first()}
    assert noted["lfm2-350m"]
    assert noted["gemma-3-1b-it"]
    assert not noted["qwen3-8b"]
