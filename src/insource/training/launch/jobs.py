"""Job files that train the project on a cluster: Ray's job submission, and SkyPilot.

Neither library is needed here. A job has the smallest card on which the plan fits, and runs the same command
there; the card's own plan is made again by that command.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from insource.foundation.errors import PrerequisiteError
from insource.foundation.version import __version__
from insource.training.planning.cards import Card, known_cards
from insource.training.planning.machine import Machine
from insource.training.recipe import Recipe

Launcher = Literal["accelerate", "ray", "skypilot"]
GB = 10**9
SAME_SIZE = 1.1


class CardSize(NamedTuple):
    """Cards of one memory size, by SkyPilot's names; a plan has to fit the first, which has the least."""

    cards: tuple[Card, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(card.skypilot for card in self.cards)

    @property
    def machine(self) -> Machine:
        return self.cards[0].machine()


@lru_cache(maxsize=1)
def card_sizes() -> tuple[CardSize, ...]:
    """Return the cards that a job may ask for, smallest memory first, those of about one size together."""
    offered = [card for card in known_cards().cards.values() if card.skypilot]
    sizes: list[list[Card]] = []
    for card in offered:
        if sizes and card.memory_mib < SAME_SIZE * sizes[-1][0].memory_mib:
            sizes[-1].append(card)
        else:
            sizes.append([card])
    return tuple(CardSize(tuple(cards)) for cards in sizes)


class Job(NamedTuple):
    """What runs on a cluster: a task's training by ``command``, on cards that the recipe fits on."""

    task: str
    model: str
    command: Sequence[str]
    workspace: str
    card: CardSize
    recipe: Recipe
    pulled: bool


def smallest_card(recipe_on: Callable[[Machine], Recipe]) -> tuple[CardSize, Recipe]:
    """Return the first of ``card_sizes`` on which the recipe fits, with the recipe for it.

    Raises:
        PrerequisiteError: ``no-card-fits``.
    """
    for card in card_sizes():
        recipe = recipe_on(card.machine)
        if recipe.fits:
            return card, recipe
    raise PrerequisiteError(
        "no-card-fits",
        f"The plan fits on no card: it needs {recipe.memory.needed / GB:.0f} GB, and the largest one has "
        f"{card.machine.memory_bytes / GB:.0f} GB.",
        hint='Train adapters on a base of 4 bits: `training.method = "qlora"`; or share the weights out:\n'
        "      `training.sharded = true` with several `training.processes`.",
    )


def job_file(launcher: Launcher, job: Job) -> str:
    """Return the text of the job: a shell script for Ray, YAML for SkyPilot."""
    return {"ray": _ray, "skypilot": _skypilot}[launcher](job)


def train_command(typed: str) -> list[str]:
    """Return the command that a job runs: what was typed, less the launcher."""
    words = shlex.split(typed)
    kept = [
        word
        for index, word in enumerate(words)
        if word != "--plan"
        and not word.startswith("--launcher=")
        and "--launcher" not in words[max(0, index - 1) : index + 1]
    ]
    return [*kept, *(() if "--yes" in kept else ("--yes",))]


def _facts(job: Job) -> str:
    needed = job.recipe.memory.needed / GB
    return (
        f"# Trains {job.model} for the task {job.task}; written by Insource {__version__} from its plan:\n"
        f"# {needed:.1f} GB on each of {job.recipe.processes} card(s), {job.recipe.steps:,} steps.\n"
        f"# The folder {job.workspace} goes along, with the call log and the labelled rows in it.\n"
    )


def _packages(job: Job) -> list[str]:
    quantised = job.recipe.method == "qlora" or "8bit" in job.recipe.optimizer
    return [f"insource[train,serve]=={__version__}", *(["bitsandbytes"] if quantised else [])]


def _steps(job: Job) -> list[str]:
    pull = [shlex.join(["insource", "models", "pull", job.model])] if job.pulled else []
    return [*pull, shlex.join(job.command)]


def _ray(job: Job) -> str:
    environment = json.dumps({"pip": _packages(job)})
    entry = shlex.quote(" && ".join([*_steps(job), f"cp -a {shlex.quote(job.workspace)}/runs/. "]))
    return (
        "#!/bin/sh\n"
        f"{_facts(job)}"
        "# Run it in the project's folder; its argument is a folder that all nodes see, for the result:\n"
        "#   sh job.sh /shared/results\n"
        "set -eu\n"
        "results=${1:?a folder that all nodes see}\n"
        "RAY_RUNTIME_ENV_IGNORE_GITIGNORE=1 ray job submit --working-dir . \\\n"
        f"  --entrypoint-num-gpus {job.recipe.processes} \\\n"
        f"  --runtime-env-json {shlex.quote(environment)} \\\n"
        # The folder is quoted for the shell on the cluster: Ray joins the words for another one before it
        f"""  -- sh -c {entry}"'$results'"\n"""
    )


def _skypilot(job: Job) -> str:
    accelerators = {name: job.recipe.processes for name in job.card.names}
    install = shlex.join(["pip", "install", *_packages(job)])
    steps = "".join(f"  {step}\n" for step in _steps(job))
    return (
        f"{_facts(job)}"
        "# Run it in the project's folder, and fetch the result:\n"
        "#   sky launch -c insource job.yaml\n"
        f"#   rsync -a insource:sky_workdir/{job.workspace}/runs/ {job.workspace}/runs/\n"
        "#   sky down insource\n"
        f"name: {json.dumps(job.task)}\n"
        "resources:\n"
        f"  accelerators: {json.dumps(accelerators)}\n"
        "workdir: .\n"
        "file_mounts:\n"
        f"  {json.dumps(f'~/sky_workdir/{job.workspace}')}: {json.dumps(f'./{job.workspace}')}\n"
        "setup: |\n"
        f"  {install}\n"
        "run: |\n"
        f"{steps}"
    )
