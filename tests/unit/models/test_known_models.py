"""The catalogue: every entry can be checked against itself."""

import datetime

import pytest

from insource.models.catalogue import DEFAULT_MODEL, EMBEDDED
from insource.models.conversion.architectures import ARCHITECTURES
from insource.models.known_models import IN_WHEEL, known_models
from insource.models.weights.hub import repository

KNOWN = known_models()
MODELS = KNOWN.models.values()
FAMILIES = set(
    [
        "Llama 3",
        "Qwen2.5",
        "Qwen3",
        "Mistral",
        "Gemma 2",
        "Gemma 3",
        "Phi-3",
        "Phi-4",
        "SmolLM2",
        "SmolLM3",
        "LFM2",
    ]
)


def test_every_family_that_can_be_trained_is_there():
    assert {model.family for model in MODELS} == FAMILIES
    assert {model.architecture for model in MODELS} == set(ARCHITECTURES)
    assert KNOWN.date > datetime.date(2026, 1, 1)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_parameters_follow_from_the_shape(model):
    """Embeddings, attention, feed-forward and norms; LFM2's short convolutions are not counted here."""
    shape = model.shape
    attention = shape.hidden * shape.head_size * 2 * (shape.heads + shape.kv_heads)
    layer = attention + 3 * shape.hidden * shape.feed_forward + 2 * shape.hidden
    embeddings = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
    counted = embeddings + shape.layers * layer + shape.hidden
    assert model.parameters == pytest.approx(counted, rel=0.06 if model.family == "LFM2" else 2e-4)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_an_entry_is_whole(model):
    assert model.licence
    assert model.good_for
    assert model.context >= 8192
    assert (model.tunability == "not measured") == (not model.tunability_source)
    assert model.memory["BF16"] == 2 * model.parameters
    assert list(model.memory.values()) == sorted(model.memory.values(), reverse=True)
    if model.source == IN_WHEEL:
        assert model.name in EMBEDDED
    else:
        kind, _, rest = model.source.partition("/")
        assert kind == "hf"
        assert repository(rest).revision == "main"


def test_the_default_is_one_of_them():
    assert DEFAULT_MODEL in KNOWN.models
    assert KNOWN.models[DEFAULT_MODEL].licence == EMBEDDED[DEFAULT_MODEL].licence
