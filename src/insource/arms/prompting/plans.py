"""What the prompted arms share: the prompt kept in a run folder, and the plan that answers from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from insource.arms.factory import ArmInputs
from insource.arms.local import UNTUNED_ROOM, Local
from insource.arms.prompting.few_shot import require_no_test_rows, shots_of
from insource.arms.prompts import grammar_for
from insource.dataset.identity import identity_of
from insource.evaluation.metrics import BY_DOCUMENT, LOWER_IS_BETTER, document_value
from insource.evaluation.plan import ArmPlan
from insource.evaluation.sample import sample
from insource.foundation.canonical import digest
from insource.models.catalogue import BaseModel, resolve
from insource.models.prompting.folder import load, save
from insource.models.prompting.model import PromptedModel, Prompting
from insource.models.prompting.prompt import Prompt
from insource.models.protocol import Model, Request
from insource.routing.confidence import TOP_LOGPROBS, document_confidence
from insource.routing.labelled import labelled
from insource.routing.tokens.judged_model import JudgedModel
from insource.routing.vocabulary import tokenizer_of
from insource.runs.folders import StageSpec
from insource.types import Arm, Completion, EvalRecord, Example, Task
from insource.types.evaluation import Effort

STAGE, VERSION = "prompt", 1
FOLDER = "prompt"
LIBRARIES = ("scikit-learn", "scipy", "numpy", "xllamacpp", "llguidance")
# The rows on which a prompt's room is measured.
MEASURED_ROWS = 8
HOPELESS_LOOKS, HOPELESS_LEVEL = (5, 10), 0.95


class Chosen(NamedTuple):
    """A prompt, and how it was chosen. ``note`` is what a reader has to know; ``usable`` is false when it is
    no other prompt than one without examples.
    """

    prompting: Prompting
    effort: Effort
    note: str = ""
    usable: bool = True


class Making(NamedTuple):
    """How a prompted arm is made: ``settings`` are everything beside task, rows and base model that changes
    the prompt, ``inputs`` the digests of what ``work`` reads beside the training rows.
    """

    arm: Arm
    local: Local
    settings: dict[str, Any]
    work: Callable[[Path], Chosen]
    inputs: dict[str, str] = {}


def verify(inputs: ArmInputs) -> None:
    """Check base models and training rows before anything is trained.

    Raises:
        UserError: ``model-unknown`` or ``model-not-found``.
        PrerequisiteError: ``model-unavailable``.
        IntegrityError: ``index-holds-test``.
    """
    for name in inputs.settings.prompted_models:
        resolve(name)
    require_no_test_rows(shots_of(inputs.dataset.splits["train"]), inputs.dataset)


def local_of(inputs: ArmInputs, name: str) -> Local:
    """Return the engine's part for a base model by its name; the empty name is the training model.

    Raises:
        UserError: ``model-unknown`` or ``model-not-found``.
    """
    base: BaseModel = resolve(name) if name else inputs.engine.base
    if base.digest == inputs.engine.base.digest:
        return inputs.engine
    return inputs.engine._replace(base=base, adapter=None)


def prompt_of(local: Local, *, constrained: bool) -> Prompt:
    """Return the prompt without examples of a base model."""
    return Prompt(
        task=local.task,
        base=local.base.name,
        base_digest=local.base.digest,
        context_tokens=local.serving.context_tokens,
        max_tokens=math.ceil(UNTUNED_ROOM * local.max_new_tokens),
        constrained=constrained,
    )


@contextmanager
def serve(local: Local, prompting: Prompting) -> Iterator[PromptedModel]:
    """Run the engine and yield the model behind a prompt."""
    with (
        local.serve(local.base.name, None) as served,
        labelled(served, local.task, local.base.gguf, local.serving.engine, local.note) as model,
    ):
        judged = JudgedModel(model, local.task.output, lambda: tokenizer_of(local.base.gguf))
        yield PromptedModel(judged, prompting, served.count_tokens)


def prompted_plan(inputs: ArmInputs, making: Making) -> ArmPlan:
    """Make the prompt, or read back the one that was made from the same rows, and return its plan.

    Raises:
        IntegrityError: ``index-holds-test``.
    """

    def work(folder: Path) -> dict[str, Any]:
        chosen = making.work(folder)
        save(chosen.prompting, folder / FOLDER)
        return {
            "effort": chosen.effort.model_dump(mode="json"),
            "note": chosen.note,
            "usable": chosen.usable,
        }

    run = inputs.runs.run(_spec(inputs, making), work)
    folder = run.path / FOLDER
    require_no_test_rows(load(folder).examples.shots, inputs.dataset)
    arm, local = making.arm, making.local

    @contextmanager
    def model() -> Iterator[Model]:
        with serve(local, load(folder)) as served:
            yield served

    best = inputs.best_expected.value if inputs.best_expected else None
    return ArmPlan(
        arm=arm,
        examples=inputs.few if run.result["usable"] else (),
        identity={"prompt": run.digest}
        | ({"labels": "scored"} if arm.constrained and local.scores_labels else {})
        | ({"fields": "judged"} if arm.constrained and not local.scores_labels else {}),
        model=model,
        ask=lambda example: ask_plainly(inputs.task, example, constrained=arm.constrained),
        confidence=lambda example, completion: confidence(local, inputs.task, arm, example, completion),
        note=run.result["note"],
        effort=Effort.model_validate(run.result["effort"]),
        answers_in=folder,
        hopeless=lambda records: hopeless(records, inputs.task.primary_metric, best),
        stops="" if best is None else f"{best} after {' or '.join(map(str, HOPELESS_LOOKS))}",
    )


def ask_plainly(task: Task, example: Example, *, constrained: bool) -> Request:
    """Return the request that the served task gets: the document, and the grammar of its answer."""
    return Request(
        messages=task.messages(example.input, attributes=example.attributes),
        max_tokens=1,
        grammar=grammar_for(task, example) if constrained else None,
        top_logprobs=TOP_LOGPROBS if constrained else 0,
        document=example.input,
        attributes=example.attributes,
        contract=example.contract,
    )


def confidence(local: Local, task: Task, arm: Arm, example: Example, completion: Completion) -> float | None:
    """Return the confidence of a constrained answer; None without log-probabilities or without a grammar."""
    if not arm.constrained or not completion.tokens:
        return None
    return document_confidence(
        completion, grammar_for(task, example), tokenizer_of(local.base.gguf), task.output
    )


def hopeless(records: Sequence[EvalRecord], metric: str, best: float | None) -> str:
    """Return why the arm is asked no more: nothing right, and the bound of its mean is below ``best``.

    It looks after each number of ``HOPELESS_LOOKS`` documents, and each look has its part of the error, so
    that the level of the bound holds over all of them. The bound is
    Hoeffding's (1963), for values between 0 and 1 of any distribution. Nothing is stopped on a metric whose
    value does not rise with quality, or that has no value per document.
    """
    if best is None or len(records) not in HOPELESS_LOOKS:
        return ""
    if metric not in BY_DOCUMENT or metric in LOWER_IS_BETTER:
        return ""
    if any(record.score is not None and record.score.exact for record in records):
        return ""
    values = [document_value(record, metric) or 0.0 for record in records]
    error = (1 - HOPELESS_LEVEL) / len(HOPELESS_LOOKS)
    slack = math.sqrt(-math.log(error) / (2 * len(values)))
    high = sum(values) / len(values) + slack
    if high >= best:
        return ""
    return (
        f"no answer of the first {len(records)} documents is right, and with {HOPELESS_LEVEL:.0%} confidence "
        f"{metric} is below {high:.0%}, where {best:.0%} is expected of the best arm fitted before"
    )


def room_note(local: Local, prompting: Prompting, rows: Sequence[Example]) -> tuple[str, bool]:
    """Measure on some of the rows how many examples fit into the context beside a document.

    Returns what is to be said about it, empty when all fit, and whether any fits at all.
    """
    prompt = prompting.prompt
    with serve(local, prompting) as model:
        asked = [ask_plainly(prompt.task, row, constrained=False) for row in sample(rows, MEASURED_ROWS)]
        found = [model.shown(request) for request in asked]
    if not any(one.left_out for one in found):
        return "", True
    fits = [len(one.shots) for one in found]
    context = (
        f"the context has {prompt.context_tokens:,} tokens, {prompt.max_tokens:,} of them for the answer"
    )
    if max(fits) == 0:
        return f"no example fits beside the document: {context}", False
    beside = f"{median(fits):.0f} beside the median document, {min(fits)} beside the longest"
    return f"at most {prompt.shots} examples, {beside}: {context}", True


def _spec(inputs: ArmInputs, making: Making) -> StageSpec:
    train = inputs.dataset.splits["train"]
    plain = prompt_of(making.local, constrained=making.arm.constrained)
    return StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={
            "train": identity_of(train),
            "targets": digest([example.target for example in train]),
            "base": making.local.base.digest,
        }
        | making.inputs,
        config={
            "arm": making.arm.name,
            "settings": making.settings,
            "prompt": plain.model_dump(mode="json", exclude={"task": {"margin", "privacy"}}),
        },
        seed=0,
        libraries=LIBRARIES,
    )
