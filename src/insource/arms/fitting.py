"""Fit a model to the training split once, keep it in a run folder, and plan its evaluation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from insource.arms.factory import ArmInputs
from insource.contract.places import place_of
from insource.dataset.identity import identity_of
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.models.fitted.model import FittedModel, request_to
from insource.models.fitted.protocol import Fitted
from insource.models.fitted.registry import load, save
from insource.models.protocol import Model, Request
from insource.runs.folders import StageSpec
from insource.types import Arm, Estimate, Example
from insource.types.evaluation import Effort

STAGE = "fit"
FOLDER = "model"


class Found(NamedTuple):
    """The result of a fit: the model, how it was chosen, and its primary metric by cross-validation."""

    model: Fitted
    effort: Effort
    expected: Estimate | None = None


class Fit(NamedTuple):
    """How an arm is fitted.

    ``settings`` are everything beside the task and the training rows that changes the model. ``version`` is
    raised when the code of the fit changes meaning. ``libraries`` are the distributions whose version
    changes it. ``work`` fits.
    """

    arm: Arm
    settings: dict[str, Any]
    version: int
    libraries: tuple[str, ...]
    work: Callable[[], Found]


def fitted_plan(inputs: ArmInputs, fit: Fit) -> ArmPlan:
    """Fit, or read back what was fitted to the same rows, and return the plan on the test documents."""

    def work(folder: Path) -> dict[str, Any]:
        begun = time.monotonic()
        found = fit.work()
        save(found.model, folder / FOLDER)
        return {
            "effort": found.effort.model_dump(mode="json"),
            "expected": found.expected.model_dump(mode="json") if found.expected else None,
            "fit_s": round(time.monotonic() - begun, 3),
        }

    run = inputs.runs.run(_spec(inputs, fit), work)
    folder = run.path / FOLDER
    expected = run.result["expected"]

    @contextmanager
    def model() -> Iterator[Model]:
        yield FittedModel(fit.arm.model, load(folder))

    return ArmPlan(
        arm=fit.arm,
        examples=inputs.test,
        identity={"fit": run.digest},
        model=model,
        ask=lambda example: ask_directly(inputs, example),
        confidence=lambda example, completion: completion.confidence,
        effort=Effort.model_validate(run.result["effort"]),
        expected=None if expected is None else Estimate.model_validate(expected),
        answers_in=folder,
    )


def _spec(inputs: ArmInputs, fit: Fit) -> StageSpec:
    train = inputs.dataset.splits["train"]
    return StageSpec(
        stage=STAGE,
        version=fit.version,
        inputs={
            "train": identity_of(train),
            "targets": digest([example.target for example in train]),
        },
        config={
            "arm": fit.arm.name,
            "settings": fit.settings,
            "task": inputs.task.model_dump(mode="json", exclude={"margin", "privacy", "instruction"}),
        },
        seed=0,
        libraries=fit.libraries,
    )


def ask_directly(inputs: ArmInputs, example: Example) -> Request:
    """Return the request for a model that reads the document itself.

    A document with its own schema is asked for the fields of that schema.
    """
    fields = example.attributes
    if fields is None and example.contract is not None:
        fields = tuple(place_of(example.contract).properties)
    return request_to(inputs.task, example.input, fields)
