"""Which type a tensor gets, and that its numbers are packed as the format says."""

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.export.merged import quantise
from insource.export.merged.quantise import BLOCK, file_type_of, pack, quantisable, short_name, type_of
from insource.foundation.errors import PrerequisiteError
from insource.foundation.rng import generator


def matrix(rows, columns, seed=0):
    return generator(seed, "quantise").normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize("kind", ["Q8_0", "Q5_0", "Q5_1"])
def test_the_engine_packs_as_the_gguf_package(kind):
    pytest.importorskip("xllamacpp")
    numbers = matrix(7, 96)
    theirs = gguf.quants.quantize(numbers, gguf.GGMLQuantizationType[kind])
    assert pack(numbers, kind).tobytes() == theirs.tobytes()


ERRORS = {"Q8_0": 0.01, "Q6_K": 0.03, "Q5_K": 0.05, "Q4_K": 0.1, "Q5_1": 0.05, "Q5_0": 0.06, "F16": 0.001}


@pytest.mark.parametrize("kind", ERRORS)
def test_what_is_read_back_is_near(kind):
    pytest.importorskip("xllamacpp")
    numbers = matrix(5, 512)
    read = gguf.quants.dequantize(pack(numbers, kind), gguf.GGMLQuantizationType[kind])
    assert np.linalg.norm(read - numbers) / np.linalg.norm(numbers) < ERRORS[kind]


def test_many_chunks_give_the_bytes_of_one(monkeypatch):
    pytest.importorskip("xllamacpp")
    numbers = matrix(33, 256)
    whole = pack(numbers, "Q4_K")
    monkeypatch.setattr(quantise, "CHUNK", 256 * 2)
    assert pack(numbers, "Q4_K").tobytes() == whole.tobytes()


def test_without_the_engine_a_k_quant_is_refused_and_the_others_are_not(monkeypatch):
    monkeypatch.setattr(quantise, "_engine", lambda: None)
    assert pack(matrix(2, 64), "Q8_0").shape == (2, 68)
    with pytest.raises(PrerequisiteError) as caught:
        pack(matrix(2, 256), "Q4_K")
    assert caught.value.code == "missing-extra"


PLACES = ["blk.3.attn_v", "blk.0.ffn_down", "blk.1.attn_q", "token_embd", "output", "blk.2.attn_qkv"]


@given(
    name=st.sampled_from(PLACES),
    columns=st.integers(1, 2048),
    kind=st.sampled_from(["f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m"]),
    tied=st.booleans(),
)
def test_every_tensor_gets_a_type_that_its_rows_can_hold(name, columns, kind, tied):
    found = type_of(f"{name}.weight", columns, kind, 4, tied=tied)
    assert columns % BLOCK[found] == 0


# (tensor, columns, file type, layers, tied) → type; the first, last and every third layer get more bits.
MIXTURE = [
    ("blk.0.attn_v.weight", 2048, "q4_k_m", 16, False, "Q6_K"),
    ("blk.2.attn_v.weight", 2048, "q4_k_m", 16, False, "Q4_K"),
    ("blk.4.ffn_down.weight", 8192, "q4_k_m", 16, False, "Q6_K"),
    ("blk.15.ffn_down.weight", 8192, "q5_k_m", 16, False, "Q6_K"),
    ("blk.2.ffn_down.weight", 8192, "q5_k_m", 16, False, "Q5_K"),
    ("blk.2.attn_qkv.weight", 2048, "q4_k_m", 16, False, "Q5_K"),
    ("blk.0.attn_q.weight", 2048, "q4_k_m", 16, False, "Q4_K"),
    ("output.weight", 2048, "q4_k_m", 16, False, "Q6_K"),
    ("token_embd.weight", 2048, "q4_k_m", 16, False, "Q4_K"),
    ("token_embd.weight", 2048, "q4_k_m", 16, True, "Q6_K"),
    ("token_embd.weight", 576, "q4_k_m", 30, True, "Q8_0"),
    ("blk.2.attn_q.weight", 576, "q4_k_m", 30, True, "Q5_0"),
    ("blk.2.attn_q.weight", 576, "q5_k_m", 30, True, "Q5_1"),
    ("blk.2.attn_q.weight", 576, "q6_k", 30, True, "Q8_0"),
    ("blk.2.attn_q.weight", 100, "q8_0", 30, True, "F16"),
]


@pytest.mark.parametrize(("name", "columns", "kind", "layers", "tied", "expected"), MIXTURE)
def test_the_mixture_is_llama_cpp_s(name, columns, kind, layers, tied, expected):
    assert type_of(name, columns, kind, layers, tied=tied) == expected


@pytest.mark.parametrize(
    ("name", "dimensions", "packed"),
    [
        ("blk.0.attn_q.weight", 2, True),
        ("token_embd.weight", 2, True),
        ("blk.0.attn_norm.weight", 1, False),
        ("blk.0.attn_q_norm.weight", 2, False),
        ("blk.0.shortconv.conv.weight", 2, False),
        ("blk.0.attn_q.bias", 1, False),
        ("rope_freqs.weight", 1, False),
    ],
)
def test_norms_and_small_tensors_stay_floats(name, dimensions, packed):
    assert quantisable(name, dimensions) == packed


def test_a_file_is_what_most_of_its_numbers_are():
    assert file_type_of({"Q5_0": 78, "Q8_0": 30, "Q4_K": 14}) == "MOSTLY_Q5_0"
    assert file_type_of({"Q4_K": 80, "Q6_K": 20}) == "MOSTLY_Q4_K_M"
    for name in quantise.NAMES.values():
        assert name in gguf.LlamaFileType.__members__
    assert short_name("MOSTLY_Q4_K_M") == "q4_k_m"
