"""The permutation of rotary weights, checked against the rotation itself."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.export.adapter_gguf import _alpha, why_merged, write_adapter
from insource.foundation.errors import IntegrityError
from insource.foundation.rng import generator
from insource.models.conversion.convert import permute


def rotate_halves(vector, angles):
    """Hugging Face's rotary embedding of one head: the first half is paired with the second."""
    first, second = np.split(vector, 2)
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, first * sin + second * cos])


def rotate_pairs(vector, angles):
    """llama.cpp's rotary embedding of one head: neighbours are paired."""
    even, odd = vector[0::2], vector[1::2]
    rotated = np.empty_like(vector)
    rotated[0::2] = even * np.cos(angles) - odd * np.sin(angles)
    rotated[1::2] = even * np.sin(angles) + odd * np.cos(angles)
    return rotated


@given(heads=st.integers(1, 4), half=st.integers(1, 8), seed=st.integers(0, 99))
def test_attention_is_the_same_in_both_layouts(heads, half, seed):
    """q·k after rotation, in Hugging Face's layout and, permuted, in llama.cpp's."""
    rng = generator(seed, "permute")
    size, width = 2 * half, 5
    q, k = rng.normal(size=(2, heads * size, width))
    x, y = rng.normal(size=(2, width))
    angles_q, angles_k = rng.normal(size=(2, half))
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        hf = rotate_halves((q @ x)[part], angles_q) @ rotate_halves((k @ y)[part], angles_k)
        served = rotate_pairs((permute(q, heads) @ x)[part], angles_q) @ rotate_pairs(
            (permute(k, heads) @ y)[part], angles_k
        )
        assert hf == pytest.approx(served)


def test_the_order_of_rows_of_one_head():
    rows = np.arange(6)[:, None]
    assert permute(rows, 1)[:, 0].tolist() == [0, 3, 1, 4, 2, 5]
    assert permute(np.arange(8)[:, None], 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize("key", ["use_dora", "rank_pattern", "alpha_pattern", "modules_to_save"])
def test_what_llama_cpp_would_ignore_is_merged_instead(key, tmp_path):
    def adapter(**settings):
        (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 8, "lora_alpha": 16} | settings))
        return tmp_path

    assert (
        why_merged(adapter()) == why_merged(adapter(**{key: None})) == why_merged(adapter(**{key: {}})) == ""
    )
    assert key in why_merged(adapter(**{key: {"q_proj": 4}}))
    with pytest.raises(IntegrityError) as caught:
        write_adapter(adapter(**{key: True}), tmp_path / "base.gguf", tmp_path / "out.gguf")
    assert caught.value.code == "adapter-not-exportable"
    assert key in caught.value.message
    assert not (tmp_path / "out.gguf").exists()


@given(alpha=st.integers(1, 256), rank=st.integers(1, 256))
def test_the_written_alpha_gives_the_scale_of_training(alpha, rank):
    """llama.cpp's alpha / rank is PEFT's alpha / rank, and for rsLoRA its alpha / sqrt(rank)."""
    config = {"lora_alpha": alpha, "r": rank}
    assert _alpha(config) / rank == pytest.approx(alpha / rank)
    assert _alpha(config | {"use_rslora": True}) / rank == pytest.approx(alpha / rank**0.5)
