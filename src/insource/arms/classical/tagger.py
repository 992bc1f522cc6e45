"""Fields of short texts by a tagger: values that stand in the text are marked, the others are labels."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from insource.arms.classical.tagger_fit import (
    ITERATIONS,
    LIBRARIES,
    PENALTIES,
    VERSION,
    CrfFit,
    Keys,
    fit_crf,
)
from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.fitting import Fit, Found, fitted_plan
from insource.arms.folds import FOLDS
from insource.contract.places import Place, place_of
from insource.evaluation.metrics import BY_DOCUMENT, estimate
from insource.evaluation.plan import ArmPlan
from insource.evaluation.scorers import build_scorer
from insource.models.fitted.crf import tokens
from insource.types import Arm, Completion, Estimate, JsonSchema, Task
from insource.types.evaluation import Effort

NAME, KIND = "crf", "tagger"
# On longer documents, with layout, spans ranked by learned context are far better, and tagging takes minutes.
MOST_WORDS = 100


def plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return the one plan."""
    task, train = inputs.task, inputs.dataset.splits["train"]

    def work() -> Found:
        inputs.progress(f"fit {NAME}", 0, 1)
        score = build_scorer(task)
        fit = fit_crf(train, _order(task), lambda example, text: score(example, Completion(text=text)).exact)
        inputs.progress(f"fit {NAME}", 1, 1)
        settings = {name: f"{value:g}" for name, value in PENALTIES.items()}
        settings |= {field.name: field.source for field in fit.model.fields}
        return Found(fit.model, Effort(validation_evaluations=1, settings=settings), _expected(task, fit))

    arm = Arm(
        name=NAME,
        model=NAME,
        kind=KIND,
        role="candidate",
        local=True,
        description="conditional random field, labels of the whole text for fields that do not stand in it",
    )
    return (fitted_plan(inputs, Fit(arm, {"iterations": ITERATIONS, **PENALTIES}, VERSION, LIBRARIES, work)),)


def _order(task: Task) -> Callable[[Keys], Any]:
    """Return the sort key by which paths stand in the order of the schema; undeclared keys come last."""
    root: Place | None = place_of(task.output.definition if isinstance(task.output, JsonSchema) else {})

    def order(path: Keys) -> Any:
        place, found = root, []
        for key in path:
            names = list(place.properties) if place else []
            found.append((names.index(key) if key in names else len(names), key))
            place = place.property(key) if place else None
        return found

    return order


def _expected(task: Task, fit: CrfFit) -> Estimate | None:
    """Return the primary metric of the held-out answers, None where it has no value for any document."""
    if task.primary_metric not in BY_DOCUMENT:
        return None
    score, value = build_scorer(task), BY_DOCUMENT[task.primary_metric]
    valued = [
        (one.group, share)
        for one, text in zip(fit.examples, fit.held_out, strict=True)
        if text and (share := value(score(one, Completion(text=text)))) is not None
    ]
    if not valued:
        return None
    found = estimate([one for _, one in valued], [group for group, _ in valued], task.primary_metric)
    note = f"{FOLDS}-fold cross-validation on the training rows"
    return found.model_copy(update={"note": f"{note}; {found.note}" if found.note else note})


def not_for_a_tagger(inputs: ArmInputs) -> str:
    """Return the reason why these rows are not for a tagger, empty when they are."""
    train = inputs.dataset.splits["train"]
    if not all(one.target.startswith("{") for one in train):
        return "it answers objects, and some answers in the training rows are none"
    words = statistics.median(len(tokens(one.input)) for one in train)
    if words > MOST_WORDS:
        return f"it reads short texts, and half of the training documents have {words:,.0f} words or more"
    return ""


NEEDS = ArmNeeds(rows=20, outputs=("json",), unavailable=not_for_a_tagger)
FACTORY = ArmFactory(KIND, "candidate", plans, NEEDS, early=True)
