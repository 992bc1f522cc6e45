"""The default of each setting of a training run with its reason, from the rows and the model's width."""

from __future__ import annotations

from insource.config.training import Method, TrainingSection
from insource.training.planning.data import DataFacts
from insource.training.planning.fit import Chosen
from insource.training.planning.shape import ModelShape

GIVEN = "given"
RANKS = (16, 32, 64)
ENOUGH_STEPS = 150
FULL_RATE_SHARE = 0.1
METHODS: dict[Method, str] = {
    "lora": "LoRA",
    "qlora": "QLoRA, on a base of 4 bits",
    "rslora": "rsLoRA",
    "dora": "DoRA",
    "full": "full fine-tuning",
}
_METHOD_REASONS: dict[Method, str] = {
    "lora": "quality of full fine-tuning on narrow tasks at two thirds of its time",
    "qlora": "a quarter of the weights' memory; slower",
    "rslora": "larger steps at high ranks; export writes alpha·√rank, because llama.cpp divides by the rank",
    "dora": "GGUF has no DoRA adapters: the model can only be served merged; a step takes a quarter longer",
    "full": "every weight is trained; the model is served merged",
}


def learning_rate_prior(hidden_size: int, family: str = "llama") -> float:
    """Return ``5e-5 · 10 · (2000 / hidden)^p``, clamped to [1e-4, 1e-3]; p is 0.0775 for Qwen, else 0.781.

    Source: "LoRA Without Regret" (Thinking Machines, 2025), fitted on Llama and Qwen models. It was fitted
    for hidden sizes of 2048 and above, hence the clamp.
    """
    power = 0.0775 if family.startswith("qwen") else 0.781
    return float(min(max(5e-4 * (2000 / hidden_size) ** power, 1e-4), 1e-3))


def default_epochs(examples: int) -> tuple[float, str]:
    """Return the number of epochs and the reason: more epochs for less data; early stopping may end them
    sooner.
    """
    for limit, epochs in ((200, 8), (1000, 5), (5000, 3)):
        if examples <= limit:
            return float(epochs), f"{examples} training examples are at most {limit:,}"
    return 2.0, f"{examples:,} training examples are more than 5,000"


def default_batch(rows_seen: float) -> tuple[int, str]:
    """Return the largest usual batch size that leaves ``ENOUGH_STEPS`` steps, and the reason."""
    for size in (16, 8, 4):
        if rows_seen / size >= ENOUGH_STEPS:
            return size, f"the largest with at least {ENOUGH_STEPS} steps"
    return 2, f"the smallest, because there are too few rows for {ENOUGH_STEPS} steps"


def default_rank(shape: ModelShape, answer_tokens: float) -> tuple[int, str]:
    """Return the smallest usual rank whose adapters have two parameters for each trained token of an epoch.

    Source: the capacity rule of "LoRA Without Regret" (Thinking Machines, 2025).
    """
    rank = next((one for one in RANKS if shape.adapter_parameters(one) >= 2 * answer_tokens), RANKS[-1])
    parameters = shape.adapter_parameters(rank) / 1e6
    return rank, f"{parameters:.1f} million parameters for {answer_tokens:,.0f} answer tokens an epoch"


def method(section: TrainingSection) -> Chosen[Method]:
    """Return the method; the reason says what it costs, also when it was given."""
    given = f"{GIVEN}; " if "method" in section.model_fields_set else ""
    return Chosen(section.method, given + _METHOD_REASONS[section.method])


def rank(section: TrainingSection, shape: ModelShape, data: DataFacts) -> Chosen[int]:
    if section.rank:
        return Chosen(section.rank, GIVEN)
    return Chosen(*default_rank(shape, data.examples * data.mean_answer_tokens))


def epochs(section: TrainingSection, data: DataFacts) -> Chosen[float]:
    return Chosen(section.epochs, GIVEN) if section.epochs else Chosen(*default_epochs(data.examples))


def batch(section: TrainingSection, rows_seen: float) -> Chosen[int]:
    return Chosen(section.batch_size, GIVEN) if section.batch_size else Chosen(*default_batch(rows_seen))


def learning_rate(section: TrainingSection, shape: ModelShape) -> Chosen[float]:
    """Return the peak learning rate: the prior, a tenth of it when every weight is trained."""
    if section.learning_rate:
        return Chosen(section.learning_rate, GIVEN)
    prior, reason = (
        learning_rate_prior(shape.hidden, shape.family),
        f"prior for a hidden size of {shape.hidden}",
    )
    if section.method == "full":
        return Chosen(prior * FULL_RATE_SHARE, f"a tenth of the {reason}: adapters bear ten times as much")
    return Chosen(prior, reason)
