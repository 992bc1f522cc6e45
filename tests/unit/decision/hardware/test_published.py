"""The plan against the published tables of training memory, through the question that a person asks.

``tests/unit/training/planning/test_memory.py`` has the formula against each published row. Here are tables
that say what fits on which card; sources: the planner reference of our notes, made of those rows (2,048
tokens, rank 16, checkpointing, fused head, 8-bit Adam), Unsloth's page of requirements (decimal GB, its
own minima, rows of a few hundred tokens), Unsloth's table of the longest context of Llama-3.1-8B by QLoRA of
rank 32, beside Hugging Face's with FlashAttention 2, and torchtune's ladder of speeds on an A100.
"""

import pytest
from support.hardware_questions import LLAMA_8B, model_of, planned, question
from support.recipes import GIB
from unit.training.planning.test_memory import LLAMA2_7B, LLAMA31_70B, QWEN25_32B

from insource.decision.hardware.fitting import least_bytes, longest_rows, tried
from insource.decision.hardware.models import planned_model
from insource.training.planning.cards import card_named, known_cards
from insource.training.planning.duration import EFFICIENCY, RULE_FACTOR, Amount, Speed, seconds_by_rule
from insource.training.planning.machine import Machine

TOLERANCE = 0.15
ONE_ROW = {"gradient_checkpointing": True, "micro_batch_tokens": 2048, "optimizer": "adamw_8bit"}


@pytest.mark.parametrize(
    ("given", "published"),
    [
        ({"method": "qlora"}, 8.0),
        ({"method": "lora"}, 17.5),
        ({"method": "full", "precision": "bfloat16"}, 47.0),
        ({"method": "full", "precision": "float32", "optimizer": "adamw"}, 121.8),
    ],
    ids=lambda value: str(value),
)
def test_the_reference_of_an_8b_model(given, published):
    plan = planned(card="h200", rank=16, **ONE_ROW | given)
    assert plan.training.memory_bytes.value / GIB == pytest.approx(published, rel=TOLERANCE)


CARD = {
    gib: Machine(
        device="cuda",
        name=f"{gib} GB",
        cores=1,
        memory_bytes=gib * GIB,
        free_bytes=gib * GIB,
        bfloat16=True,
        bitsandbytes=True,
        cards=1,
    )
    for gib in (5, 6, 8, 10, 12, 16, 24, 32, 40, 48, 80, 141, 180)
}


@pytest.mark.parametrize(
    ("model", "method", "fits", "not_on"),
    [
        (model_of(LLAMA2_7B), "qlora", 8, 5),
        (planned_model(LLAMA_8B), "qlora", 10, 5),
        (model_of(QWEN25_32B), "qlora", 32, 16),
        (model_of(LLAMA31_70B), "qlora", 48, 40),
        (model_of(LLAMA2_7B), "lora", 24, 12),
        (planned_model(LLAMA_8B), "lora", 24, 16),
        (model_of(QWEN25_32B), "lora", 80, 48),
        (model_of(LLAMA31_70B), "lora", 180, 141),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_what_the_published_minima_fit_on(model, method, fits, not_on):
    """Unsloth: QLoRA 7B/8B/32B/70B 5/6/26/41, LoRA 19/22/76/164 GB."""
    asked = question(method=method, length=256)
    assert tried(asked, model, CARD[fits]).fits
    assert not tried(asked, model, CARD[not_on]).fits


@pytest.mark.parametrize(
    ("gib", "hugging_face", "unsloth"),
    [
        (12, 932, 21_848),
        (16, 2_551, 40_724),
        (24, 5_789, 78_475),
        (40, 12_264, 153_977),
        (48, 15_502, 191_728),
        (80, 28_454, 342_733),
    ],
)
def test_the_longest_rows_lie_between_whole_logits_and_offloaded_activations(gib, hugging_face, unsloth):
    """Our head is fused as Unsloth's, and our checkpoints stay on the card as Hugging Face's."""
    model = planned_model(LLAMA_8B)
    found = longest_rows(question(method="qlora", rank=32), model, CARD[gib])
    assert min(hugging_face, model.shape.context) <= found <= unsloth


@pytest.mark.parametrize(
    ("method", "checkpointing", "tokens_per_s"),
    [("full", False, 7_075), ("full", False, 8_998), ("full", True, 7_250), ("lora", True, 8_555)],
)
def test_published_speeds_lie_within_the_interval(method, checkpointing, tokens_per_s):
    """torchtune, Llama-3.2-3B on an A100: packed, compiled, with checkpointing, by LoRA."""
    tokens = 1e6
    found = seconds_by_rule(
        Amount(tokens, 0),
        planned_model("llama-3.2-3b-instruct").shape,
        question(answer=2048).workload.rows(32),
        method=method,
        checkpointing=checkpointing,
        speed=Speed(card_named("a100-80gb").bfloat16_tflops * 1e12, "stated"),
    )
    assert found.low <= tokens / tokens_per_s <= found.high
    assert found.high / found.value == found.value / found.low == RULE_FACTOR
    assert 0 < EFFICIENCY < 1


def test_each_card_holds_what_it_says_it_holds():
    """A plan that fits takes no more than the card has, and the least that is stated is enough."""
    for card in known_cards().cards.values():
        machine = card.machine()
        found = tried(question(method="qlora"), planned_model(LLAMA_8B), machine)
        least = least_bytes(question(method="qlora"), planned_model(LLAMA_8B), machine)
        assert found.fits == (least <= machine.free_bytes)
        assert not found.fits or found.recipe.memory.total <= machine.memory_bytes
