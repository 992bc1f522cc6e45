"""The training recipe: every setting with its reason, chosen before the weights are loaded."""

from __future__ import annotations

import math

from insource.config.training import Method, Optimizer, Precision, Scheduler, TrainingSection
from insource.training import defaults
from insource.training.defaults import GIVEN, METHODS
from insource.training.planning.data import DataFacts
from insource.training.planning.fit import Chosen, Fit, fit
from insource.training.planning.machine import Machine
from insource.training.planning.memory import Memory
from insource.training.planning.shape import ModelShape
from insource.types import Frozen

EVALUATIONS = 8
AS_GIVEN = {
    *("method", "alpha", "dropout", "scheduler", "warmup", "weight_decay", "max_grad_norm", "patience"),
    *("processes", "sharded"),
}


class Choice(Frozen):
    """One setting, its value as shown, and the reason for it."""

    name: str
    value: str
    reason: str


class Recipe(Frozen):
    """How a model is trained; the loss is on the answer only.

    ``targets`` are the linear layers with adapters, empty for all. ``batch_size`` is rows per step,
    ``micro_batch_tokens`` the tokens computed at once, with padding. ``steps`` counts optimiser steps.
    ``evaluate_every`` is the number of steps between two evaluations on the validation split; training stops
    after ``patience`` evaluations without improvement, never early when it is 0. ``memory`` is the planned
    peak of one of the ``processes``, which may take ``available_bytes``.
    """

    method: Method
    rank: int
    alpha: int
    dropout: float
    targets: tuple[str, ...]
    learning_rate: float
    scheduler: Scheduler
    warmup: float
    weight_decay: float
    max_grad_norm: float
    optimizer: Optimizer
    epochs: float
    batch_size: int
    micro_batch_tokens: int
    steps: int
    evaluate_every: int
    patience: int
    max_tokens: int
    precision: Precision
    checkpointing: bool
    seed: int
    memory: Memory
    available_bytes: int
    choices: tuple[Choice, ...]
    processes: int = 1
    sharded: bool = False

    @property
    def fits(self) -> bool:
        """Whether the planned peak fits, with a margin for fragmentation."""
        return self.memory.needed <= self.available_bytes

    def also(self, *choices: Choice | None) -> Recipe:
        """Return this with further choices, those that there are."""
        further = (choice for choice in choices if choice is not None)
        return self.model_copy(update={"choices": (*self.choices, *further)})

    def trained_parameters(self, shape: ModelShape) -> int:
        """Return how many parameters this recipe trains of a model."""
        adapters = shape.adapter_parameters(self.rank, self.targets)
        return shape.parameters if self.method == "full" else adapters


def plan(
    *,
    data: DataFacts,
    shape: ModelShape,
    machine: Machine,
    seed: int,
    section: TrainingSection | None = None,
) -> Recipe:
    """Return the recipe for these rows, this model and this machine.

    Values given in ``section`` take precedence and are marked.
    """
    section = section or TrainingSection()
    epochs = defaults.epochs(section, data)
    batch = defaults.batch(section, data.examples * epochs.value)
    if section.steps:
        epochs = Chosen(section.steps * batch.value / data.examples, f"{section.steps} steps are given")
    steps = section.steps or max(1, math.ceil(math.ceil(data.examples / batch.value) * epochs.value))
    rank = defaults.rank(section, shape, data)
    rate = defaults.learning_rate(section, shape)
    rows_at_once = -(-batch.value // section.processes)
    fitted = fit(section, shape, machine, data, batch_size=rows_at_once, rank=rank.value)
    recipe = Recipe(
        **section.model_dump(include=AS_GIVEN),
        rank=rank.value,
        targets=section.target_modules,
        learning_rate=rate.value,
        optimizer=fitted.optimizer.value,
        epochs=epochs.value,
        batch_size=batch.value,
        micro_batch_tokens=fitted.micro_batch_tokens.value,
        steps=steps,
        evaluate_every=min(steps, section.evaluate_every or max(1, steps // EVALUATIONS)),
        max_tokens=data.longest_row_tokens,
        precision=fitted.precision.value,
        checkpointing=fitted.checkpointing.value,
        seed=section.seed if section.seed is not None else seed,
        memory=fitted.memory,
        available_bytes=fitted.available_bytes,
        choices=(),
    )
    reasons = {"learning rate": rate.reason, "epochs": epochs.reason, "batch": batch.reason}
    reasons |= {} if section.method == "full" else {"rank": rank.reason}
    reasons |= _reasons_of(fitted) | _stated(section)
    values = _in_words(recipe)
    choices = tuple(
        Choice(name=name, value=values[name], reason=reasons[name]) for name in values if name in reasons
    )
    return recipe.model_copy(update={"choices": choices})


def _reasons_of(fitted: Fit) -> dict[str, str]:
    return {
        "precision": fitted.precision.reason,
        "optimiser": fitted.optimizer.reason,
        "checkpointing": fitted.checkpointing.reason,
        "micro-batch": fitted.micro_batch_tokens.reason,
    }


def _stated(section: TrainingSection) -> dict[str, str]:
    """Return the reasons of settings with a fixed default: that reason, or that the setting was given."""
    fixed = {
        "schedule": (
            ("scheduler", "warmup"),
            "large steps late undo what was learned; the rise avoids a jump",
        ),
        "weight decay": (("weight_decay",), "early stopping and few adapters limit overfitting already"),
        "clipping": (("max_grad_norm",), "one odd row moves the weights no further than others"),
        "validation": (
            ("evaluate_every", "patience"),
            "eight evaluations per run; stops after three without improvement",
        ),
        "length": (("max_tokens",), "the longest row; nothing is truncated"),
        "seed": (("seed",), "from project.seed"),
    }
    if section.method != "full":
        fixed |= {
            "scaling": (("alpha",), "the best learning rate then hardly depends on the rank"),
            "dropout": (("dropout",), "the published defaults of narrow tasks have none"),
            "layers": (("target_modules",), "adapters on attention alone lose at equal parameters"),
        }
    if section.processes > 1:
        fixed["together"] = ((), "each computes its share of a batch; the step stays that of one process")
    return {"method": defaults.method(section).reason} | {
        name: GIVEN if section.model_fields_set & set(keys) and name != "length" else reason
        for name, (keys, reason) in fixed.items()
    }


def _in_words(recipe: Recipe) -> dict[str, str]:
    patience = f"patience {recipe.patience}" if recipe.patience else "never stops early"
    return {
        "method": METHODS[recipe.method],
        "rank": str(recipe.rank),
        "scaling": f"alpha / {'√' if recipe.method == 'rslora' else ''}rank, alpha {recipe.alpha}",
        "layers": ", ".join(recipe.targets) or "all linear layers",
        "dropout": f"{recipe.dropout:g}",
        "learning rate": f"{recipe.learning_rate:.2g}",
        "schedule": f"{recipe.scheduler}, {100 * recipe.warmup:g} % warm-up",
        "weight decay": f"{recipe.weight_decay:g}",
        "clipping": f"norm {recipe.max_grad_norm:g}" if recipe.max_grad_norm else "none",
        "optimiser": recipe.optimizer,
        "epochs": f"{recipe.epochs:g}"
        if recipe.epochs == round(recipe.epochs, 2)
        else f"{recipe.epochs:.2f}",
        "batch": f"{recipe.batch_size} rows",
        "together": f"{recipe.processes} processes, weights {'shared out' if recipe.sharded else 'in each'}",
        "micro-batch": f"{recipe.micro_batch_tokens:,} tokens",
        "validation": f"every {recipe.evaluate_every} steps, {patience}",
        "length": f"{recipe.max_tokens} tokens",
        "precision": recipe.precision,
        "checkpointing": "on" if recipe.checkpointing else "off",
        "seed": str(recipe.seed),
    }
