"""Memory of engines against what they print.

vLLM's logs: Qwen3-235B-A22B in FP8 on four H100 (vllm issue 21348), Llama-3.1-8B on an RTX 3090 with 20,000
and 29,000 tokens a step (issue 10517), Llama-3.1-70B in 8 bits on an H100 (pull request 12569). llama.cpp's
log of Qwen2.5-3B with 4,096 tokens on an RTX 4080 Super (LLamaSharp issue 1099).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hardware_questions import LLAMA_8B, planned
from support.recipes import CARD, GIB, LAPTOP
from unit.training.planning.test_memory import LLAMA31_70B, shape

from insource.decision.hardware.inference import cache_per_token, cuda_work, servings, vllm_work
from insource.decision.hardware.models import planned_model
from insource.models.known_models import known_models
from insource.serving.memory import Sizes, need_of
from insource.training.planning.cards import card_named
from insource.training.planning.memory import CUDA_CONTEXT_BYTES

MIB = 2**20
QWEN3_235B = shape(94, 4096, 12288, 64, 128, 4, 151936)
QWEN25_3B = shape(36, 2048, 11008, 16, 128, 2, 151936, tied=True)
LLAMA31_8B = planned_model(LLAMA_8B).shape


def test_the_tokens_that_vllm_says_fit_into_its_cache():
    assert 8.11 * GIB / (cache_per_token(QWEN3_235B) / 4) == pytest.approx(178_880, rel=0.02)
    assert 3.81 * GIB / cache_per_token(LLAMA31_8B) == pytest.approx(1952 * 16, rel=0.002)


@pytest.mark.parametrize(
    ("model", "total", "share", "weights", "tokens", "documents", "pages"),
    [
        (LLAMA31_8B, 23.58, 0.90, 14.9888, 20_000, 256, 1952),
        (LLAMA31_8B, 23.58, 0.90, 14.9888, 29_000, 256, 1478),
        (LLAMA31_70B, 79.1, 0.98, 67.7229, 8_192, 1024, 1381),
    ],
)
def test_the_pages_that_vllm_has_left(model, total, share, weights, tokens, documents, pages):
    left = (total * share - weights) * GIB - vllm_work(model, tokens, documents)
    assert left / cache_per_token(model) / 16 == pytest.approx(pages, rel=0.15)


def test_the_buffers_of_llama_cpp_on_a_card():
    sizes = Sizes(QWEN25_3B.layers, QWEN25_3B.hidden, QWEN25_3B.key_value, QWEN25_3B.vocabulary)
    needed = need_of(sizes, weights=0, context_tokens=4096, slots=1)
    assert needed.cache == 144 * MIB
    assert cuda_work(QWEN25_3B) - CUDA_CONTEXT_BYTES == pytest.approx(300.75 * MIB, rel=0.05)


def test_an_8b_model_on_a_4090():
    """Its weights in 16 bits take 15 GiB of 24, and a document of 2,048 tokens a quarter of a GiB."""
    found = {(one.engine, one.weights_type): one for one in planned(card="rtx-4090", method="qlora").serving}
    assert found["vLLM", "BF16"].weights / GIB == pytest.approx(14.99, rel=0.01)
    assert 10 <= found["vLLM", "BF16"].at_once <= 24
    assert found["vLLM", "AWQ 4 bits"].at_once > 2 * found["vLLM", "BF16"].at_once
    assert found["llama.cpp", "Q4_K_M"].weights < found["llama.cpp", "Q8_0"].weights
    assert 90 < found["llama.cpp", "Q4_K_M"].tokens_per_s.value < 200


def test_a_machine_without_a_card_serves_with_llama_cpp():
    found = planned("smollm2-135m-instruct").serving
    assert {one.engine for one in found} == {"llama.cpp"}
    assert all(one.fits for one in found)
    assert found[0].tokens_per_s.value is None
    assert "bandwidth" in found[0].tokens_per_s.note


def test_what_does_not_fit_has_no_document_at_once():
    found = planned("phi-4", card="rtx-3060", method="qlora", length=1024).serving
    whole = next(one for one in found if (one.engine, one.weights_type) == ("vLLM", "BF16"))
    assert whole.at_once == 0
    assert not whole.fits
    assert whole.needed > whole.available


@given(
    name=st.sampled_from(sorted(known_models().models)),
    context=st.integers(1, 32_768),
    documents=st.integers(1, 500),
    machine=st.sampled_from([LAPTOP, CARD]),
)
def test_as_many_fit_at_once_as_are_said_to(name, context, documents, machine):
    card = card_named("rtx-4090") if machine is CARD else None
    for one in servings(planned_model(name), machine, context, documents, card):
        assert one.fits == (one.needed <= one.available) == (documents <= one.at_once)
        [again] = [
            other
            for other in servings(planned_model(name), machine, context, max(1, one.at_once), card)
            if (other.engine, other.weights_type) == (one.engine, one.weights_type)
        ]
        assert again.fits == (one.at_once > 0)
