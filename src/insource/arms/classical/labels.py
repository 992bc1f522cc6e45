"""Linear classifiers of texts: on n-grams, on sentence embeddings, and on both."""

from __future__ import annotations

from collections.abc import Sequence

from insource.arms.classical.label_fit import LIBRARIES, VERSION, LabelFit, LabelRows, fit_labels
from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.fitting import Fit, Found, fitted_plan
from insource.arms.folds import FOLDS, units_of
from insource.evaluation.metrics import estimate
from insource.evaluation.plan import ArmPlan
from insource.models.embeddings import minilm
from insource.models.fitted.labels import EMBEDDING, NGRAMS
from insource.types import Arm, Estimate, Example, Labels
from insource.types.evaluation import Effort

KIND, EMBEDDED_KIND = "classical labels", "classical labels, embeddings"
NAMED = 5  # labels without a training row that are named


def ngram_plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return the plan of the classifier on word and character n-grams."""
    return (_plan(inputs, "labels-ngrams", "TF-IDF of words and characters, linear model", (NGRAMS,)),)


def embedding_plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return the plans of the classifiers on sentence embeddings: alone, and with the n-grams."""
    both = "TF-IDF and sentence embeddings, a linear model each, probabilities averaged"
    return (
        _plan(inputs, "labels-embeddings", "sentence embeddings, linear model", (EMBEDDING,)),
        _plan(inputs, "labels-both", both, (NGRAMS, EMBEDDING)),
    )


def _plan(inputs: ArmInputs, name: str, description: str, representations: Sequence[str]) -> ArmPlan:
    train = inputs.dataset.splits["train"]
    out_of_scope = inputs.task.out_of_scope or None

    def work() -> Found:
        inputs.progress(f"fit {name}", 0, 1)
        rows = LabelRows([one.input for one in train], [one.target for one in train], units_of(train))
        fit = fit_labels(rows, representations, out_of_scope)
        inputs.progress(f"fit {name}", 1, 1)
        effort = Effort(validation_evaluations=fit.scored, settings=fit.settings)
        return Found(fit.model, effort, expected_of(fit, train))

    arm = Arm(
        name=name,
        model=name,
        kind=EMBEDDED_KIND if EMBEDDING in representations else KIND,
        role="candidate",
        local=True,
        description=description,
    )
    settings = {"representations": list(representations), "out_of_scope": out_of_scope}
    if EMBEDDING in representations:
        settings |= {"embeddings": minilm.WEIGHTS.sha256}
    plan = fitted_plan(inputs, Fit(arm, settings, VERSION, LIBRARIES, work))
    return plan._replace(note=_unseen(inputs, train))


def expected_of(fit: LabelFit, train: Sequence[Example]) -> Estimate | None:
    """Return the accuracy on rows that were not seen, None where all rows are one unit."""
    if len(set(fit.rows.units)) < 2:
        return None
    grouped = any(one.group is not None for one in train)
    # A document that occurs twice is one unit of the sample, too.
    found = estimate(fit.right, fit.rows.units if grouped else [None] * len(fit.right), "accuracy")
    note = f"{FOLDS}-fold cross-validation on the training rows, which also chose the settings"
    return found.model_copy(update={"note": f"{note}; {found.note}" if found.note else note})


def _unseen(inputs: ArmInputs, train: Sequence[Example]) -> str:
    """Return a note on labels that no training row has, empty when there are none."""
    output = inputs.task.output
    names = output.names if isinstance(output, Labels) else ()
    seen = {example.target for example in train} | {inputs.task.out_of_scope}
    unseen = [name for name in names if name not in seen]
    if not unseen:
        return ""
    named = ", ".join(unseen[:NAMED]) + (", …" if len(unseen) > NAMED else "")
    return f"{len(unseen)} of {len(names)} labels have no training row and are never answered: {named}"


NGRAM_FACTORY = ArmFactory(
    KIND, "candidate", ngram_plans, ArmNeeds(rows=2, answers=2, outputs=("labels",)), early=True
)
EMBEDDING_FACTORY = ArmFactory(
    EMBEDDED_KIND,
    "candidate",
    embedding_plans,
    ArmNeeds(
        minilm.EXTRA,
        minilm.MODULES[0],
        rows=2,
        answers=2,
        outputs=("labels",),
        unavailable=lambda inputs: minilm.unavailable(),
    ),
    early=True,
)
