"""Base models that are prompted: without examples, with fixed ones, with those most like the document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.local import Local
from insource.arms.prompting.few_shot import embeddings_at_hand, fixed_examples, retrieved_examples
from insource.arms.prompting.plans import (
    Chosen,
    Making,
    local_of,
    prompt_of,
    prompted_plan,
    room_note,
    verify,
)
from insource.config.evaluation import Rung
from insource.contract.reasoning_field import trained_text
from insource.evaluation.plan import ArmPlan
from insource.models.prompting.lookup import Examples
from insource.models.prompting.model import Prompting
from insource.models.prompting.prompt import Choice
from insource.types import Arm, Example, Task
from insource.types.evaluation import Effort

KIND = "prompted"
OPTIMISED = "optimised"
FREE = " free"
CHOICES: dict[str, Choice] = {"zero-shot": "none", "few-shot": "fixed", "retrieved": "retrieved"}
NAMES: dict[Choice, str] = {"none": "base", "fixed": "few-shot", "retrieved": "retrieved few-shot"}
WORDS: dict[Choice, str] = {
    "none": "without examples",
    "fixed": "with the same examples for every document",
    "retrieved": "with the training examples most similar to the document",
}
UNCHOSEN = Effort(validation_evaluations=0, note="nothing of it was chosen on validation documents")


def plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return a plan for each way to prompt and each base model, on the few documents."""
    return tuple(
        _plan(inputs, local_of(inputs, model), rung)
        for model in inputs.settings.prompted_models or ("",)
        for rung in inputs.settings.prompted
        if rung != OPTIMISED
    )


def named(name: str, inputs: ArmInputs, local: Local, *, constrained: bool) -> str:
    """Return the name of an arm; the base model stands in it when it is not the training model."""
    schema = " + schema" if constrained else ""
    model = "" if local.base.digest == inputs.engine.base.digest else f" ({Path(local.base.name).stem})"
    return f"{name}{schema}{model}"


def examples_of(choice: Choice, inputs: ArmInputs, shots: int) -> Examples:
    """Choose or index the training rows that a prompt shows, each with the reasoning that it has."""
    train = [_as_trained(one, inputs.task) for one in inputs.dataset.splits["train"]]
    if choice == "none":
        return Examples(())
    if choice == "fixed":
        return fixed_examples(train, inputs.task, shots)
    return retrieved_examples(train, embeddings_at_hand() if similarity(inputs) == "embeddings" else None)


def _as_trained(example: Example, task: Task) -> Example:
    written = trained_text(example.target, example.reasoning, task.output)
    return example if written == example.target else example.model_copy(update={"target": written})


def similarity(inputs: ArmInputs) -> str:
    """Say how retrieved examples are found: by the meaning of short texts with a label, else by characters.

    Share of documents whose nearest training row is of the same kind: labels .87 by MiniLM and .71 by
    characters, layouts .76 and .83 (Banking77, the demo).
    """
    labels = inputs.task.output.kind == "labels"
    return "embeddings" if labels and embeddings_at_hand() else "characters"


def _plan(inputs: ArmInputs, local: Local, rung: Rung) -> ArmPlan:
    choice = CHOICES[rung.removesuffix(FREE)]
    constrained = not rung.endswith(FREE)
    shots = 0 if choice == "none" else inputs.settings.shots
    what = "labels" if inputs.task.output.kind == "labels" else "schema"
    held = f", held to the {what} by the grammar" if constrained else ""
    arm = Arm(
        name=named(NAMES[choice], inputs, local, constrained=constrained),
        model=local.base.name,
        kind=KIND,
        role="candidate",
        local=True,
        constrained=constrained,
        description=f"untuned, told the {what} in its prompt, {WORDS[choice]}{held}",
    )

    def work(folder: Path) -> Chosen:
        prompt = prompt_of(local, constrained=constrained).model_copy(
            update={"examples": choice, "shots": shots}
        )
        prompting = Prompting(prompt, examples_of(choice, inputs, shots))
        said = {"instruction": local.task.instruction, "examples": shown(choice, prompting.examples, shots)}
        effort = UNCHOSEN.model_copy(update={"settings": said})
        if choice == "none":
            return Chosen(prompting, effort)
        return measured(local, Chosen(prompting, effort), inputs.dataset.splits["train"])

    settings: dict[str, Any] = {"examples": choice, "shots": shots}
    if choice == "retrieved":
        settings["similarity"] = similarity(inputs)
    return prompted_plan(inputs, Making(arm, local, settings, work))


def measured(local: Local, chosen: Chosen, rows: tuple[Example, ...]) -> Chosen:
    """Add what is to be said about the room for examples; a prompt that can show none is not measured."""
    if not chosen.prompting.examples.shots:
        return chosen._replace(note="not measured: there is no training row to show", usable=False)
    note, any_fits = room_note(local, chosen.prompting, rows)
    return chosen._replace(note=note if any_fits else f"not measured: {note}", usable=any_fits)


def shown(choice: Choice, examples: Examples, shots: int) -> str:
    """Say in words which examples a prompt shows."""
    if choice == "none":
        return "none"
    if choice == "fixed":
        return f"{len(examples.shots)} fixed: {', '.join(shot.row_id for shot in examples.shots)}"
    return f"the {shots} most similar of {len(examples.shots):,} training rows"


def _configured(inputs: ArmInputs) -> str:
    rungs = [rung for rung in inputs.settings.prompted if rung != OPTIMISED]
    return "" if rungs else "`evaluation.prompted` lists none"


FACTORY = ArmFactory(
    KIND,
    "candidate",
    plans,
    ArmNeeds(extra="serve", module="xllamacpp", configured=_configured),
    verify=verify,
)
