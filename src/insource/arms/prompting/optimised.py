"""The optimised prompt: instruction and examples chosen on the validation split, under a stated budget.

A search along one setting at a time: the first half of the budget goes to the examples, the rest to the
wording of the instruction, with the best examples so far. Every setting is scored on the same documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from insource.arms.factory import ArmFactory, ArmInputs, ArmNeeds
from insource.arms.local import Local
from insource.arms.prompting.few_shot import require_no_test_rows
from insource.arms.prompting.plans import (
    Chosen,
    Making,
    ask_plainly,
    local_of,
    prompt_of,
    prompted_plan,
    verify,
)
from insource.arms.prompting.rungs import OPTIMISED, examples_of, measured, named, shown, similarity
from insource.dataset.identity import identity_of
from insource.evaluation.metrics import LOWER_IS_BETTER, summarise
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Progress, evaluate
from insource.evaluation.sample import sample
from insource.evaluation.scorers import build_scorer, empty_scores
from insource.foundation.canonical import digest
from insource.matching.surface import SurfaceForms
from insource.models.prompting.lookup import Examples
from insource.models.prompting.model import PromptedModel, Prompting
from insource.models.prompting.prompt import Choice
from insource.types import Arm, Example, JsonSchema, Task
from insource.types.evaluation import Effort

KIND = "optimised prompt"
DOCUMENTS = 12

WORDINGS: dict[str, dict[str, str]] = {
    "json": {
        "copy": "Copy each value exactly as the document states it. Leave a field empty when the document "
        "does not state it.",
        "find first": "For each field, find the place in the document that states its value, and take the "
        "value from there. Do not guess.",
        "beware": "Several values may look alike: take the one whose name in the document means the field.",
        "short": "Answer with the JSON object alone.",
    },
    "labels": {
        "main point": "Decide by what the text mainly asks for or reports.",
        "closest": "When several labels fit, take the most specific one.",
        "spelling": "Write the label exactly as it is spelled in the list.",
    },
    "text": {
        "like the examples": "Answer in the form and length of the examples.",
        "only the answer": "Write the answer alone, without introduction or explanation.",
    },
}
"""Sentences that are tried after the user's instruction, by kind of output; the empty one comes first."""


class Setting(NamedTuple):
    """One prompt of the search: the sentence after the instruction, and the examples."""

    wording: str
    choice: Choice
    shots: int


class Trial(NamedTuple):
    """A setting with its score on the validation documents, where more is better."""

    setting: Setting
    value: float
    order: int

    @property
    def rank(self) -> tuple[float, int, int]:
        """By score; among equals the prompt with fewer examples, then the one that was tried first."""
        return self.value, -self.setting.shots, -self.order


def plans(inputs: ArmInputs) -> tuple[ArmPlan, ...]:
    """Return the plan of each base model, on the few documents. The search runs here, once."""
    return tuple(_plan(inputs, local_of(inputs, model)) for model in inputs.settings.prompted_models or ("",))


def settings_of(budget: int, shots: int, kind: str, trials: list[Trial]) -> Iterator[Setting]:
    """Yield at most ``budget`` settings; ``trials`` grows while they are scored, and steers the rest."""
    first = [
        Setting("", "retrieved", shots),
        Setting("", "none", 0),
        Setting("", "fixed", shots),
        Setting("", "retrieved", 1),
        Setting("", "retrieved", 2 * shots),
    ]
    half = (budget + 1) // 2
    yield from dict.fromkeys(first[:half])
    best = max(trials, key=lambda trial: trial.rank).setting
    left = budget - len(trials)
    for wording in list(WORDINGS[kind].values())[:left]:
        yield best._replace(wording=wording)


def _plan(inputs: ArmInputs, local: Local) -> ArmPlan:
    arm = Arm(
        name=named("optimised prompt", inputs, local, constrained=True),
        model=local.base.name,
        kind=KIND,
        role="candidate",
        local=True,
        constrained=True,
        description="untuned, with the instruction and the examples that were best on validation documents",
    )
    rows = sample(inputs.dataset.splits["validation"], DOCUMENTS)
    settings = {
        "budget": inputs.settings.prompt_budget,
        "shots": inputs.settings.shots,
        "wordings": list(WORDINGS[inputs.task.output.kind].values()),
        "metric": inputs.task.primary_metric,
        "similarity": similarity(inputs),
    }
    digests = {"validation": identity_of(rows), "gold": digest([row.target for row in rows])}
    search = Search(inputs, local, arm, rows)
    plan = prompted_plan(inputs, Making(arm, local, settings, search.work, digests))
    return plan._replace(chosen_on=frozenset(row.row_id for row in rows))


class Search(NamedTuple):
    """The search for one base model on the validation documents ``rows``."""

    inputs: ArmInputs
    local: Local
    arm: Arm
    rows: tuple[Example, ...]

    def work(self, folder: Path) -> Chosen:
        """Score the settings and return the best; the answers of an interrupted search are read back."""
        plain = prompt_of(self.local, constrained=True)
        if not self.rows or not self.inputs.dataset.splits["train"]:
            note = "not measured: it needs training and validation documents"
            return Chosen(Prompting(plain), Effort(validation_evaluations=0), note, usable=False)
        trials = self._trials(folder)
        best = max(trials, key=lambda trial: trial.rank)
        prompting = self.prompting(best.setting)
        effort = Effort(
            validation_evaluations=len(trials),
            settings={
                "instruction": prompting.prompt.task.instruction,
                "examples": shown(best.setting.choice, prompting.examples, best.setting.shots),
            },
            note=f"each on {len(self.rows)} validation documents; the kept one had "
            f"{abs(best.value):.1%} {self.inputs.task.primary_metric} there",
        )
        chosen = Chosen(prompting, effort)
        if best.setting.choice == "none":
            return chosen
        return measured(self.local, chosen, self.inputs.dataset.splits["train"])

    def _trials(self, folder: Path) -> list[Trial]:
        trials: list[Trial] = []
        section = self.inputs.settings
        kind = self.inputs.task.output.kind
        with self.local.serve(self.local.base.name, None) as served:
            for setting in settings_of(section.prompt_budget, section.shots, kind, trials):
                model = PromptedModel(served, self.prompting(setting), served.count_tokens)
                value = self._score(model, folder / f"trial-{len(trials) + 1}.jsonl", len(trials))
                trials.append(Trial(setting, value, len(trials)))
        return trials

    def prompting(self, setting: Setting) -> Prompting:
        """Return the prompt of a setting with its examples.

        Raises:
            IntegrityError: ``index-holds-test``.
        """
        inputs = self.inputs
        instruction = f"{inputs.task.instruction} {setting.wording}".strip()
        plain = prompt_of(self.local, constrained=True)
        examples: Examples = examples_of(setting.choice, inputs, setting.shots)
        require_no_test_rows(examples.shots, inputs.dataset)
        update = {
            "task": plain.task.model_copy(update={"instruction": instruction}),
            "examples": setting.choice,
            "shots": setting.shots,
        }
        return Prompting(plain.model_copy(update=update), examples)

    def _score(self, model: PromptedModel, journal: Path, before: int) -> float:
        """Return the primary metric on the documents, with its sign changed when less is better.

        ``before`` counts the settings scored before, for the estimate of the time that is left.
        """
        task = self.inputs.task
        total = self.inputs.settings.prompt_budget * len(self.rows)

        def progress(at: Progress) -> None:
            done = before * len(self.rows) + at.done
            left = f", about {at.last_s * (total - done):,.0f} s left" if at.last_s else ""
            self.inputs.progress(f"documents, prompt {before + 1}{left}", done, total)

        records = evaluate(
            model,
            self.rows,
            lambda example: ask_plainly(task, example, constrained=True),
            build_scorer(task, _surface_forms(task, self.inputs.dataset.splits["train"])),
            journal=journal,
            progress=progress,
        )
        found = summarise(
            self.arm, "validation", records, seconds=0.0, all_null=empty_scores(task, self.rows)
        ).metrics[task.primary_metric]
        sign = -1.0 if task.primary_metric in LOWER_IS_BETTER else 1.0
        return sign * (found.value or 0.0)


def _surface_forms(task: Task, train: tuple[Example, ...]) -> SurfaceForms | None:
    if not isinstance(task.output, JsonSchema):
        return None
    return SurfaceForms.fit((json.loads(one.target) for one in train), task.output.definition)


def _configured(inputs: ArmInputs) -> str:
    return (
        "" if OPTIMISED in inputs.settings.prompted else f"`evaluation.prompted` does not list `{OPTIMISED}`"
    )


FACTORY = ArmFactory(
    KIND,
    "candidate",
    plans,
    ArmNeeds(extra="serve", module="xllamacpp", rows=1, configured=_configured),
    verify=verify,
)
