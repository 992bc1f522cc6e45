"""The champion: the version that answers the task now, and what it answers to other documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from insource.dataset.saved.folder import load as load_dataset
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.foundation.errors import UserError
from insource.models.protocol import Model
from insource.runs.result import STAGE, load
from insource.store.deployments.registry import FILE_NAME, deployment_of, open_registry
from insource.types import Arm, Dataset, Example, RunResult
from insource.workflow.servable import with_arm
from insource.workflow.serve import answering
from insource.workflow.session import Session

NAME = "champion"


def champion_of(session: Session) -> RunResult:
    """Return the run that answers the task, by the arm that does: what is deployed, else the newest.

    Raises:
        UserError: ``no-champion`` where there is neither; ``no-such-run`` when its folder is gone.
        IntegrityError: ``run-damaged``, ``deployment-unreadable``.
    """
    runs, workspace = session.project.runs, session.project.workspace
    if (workspace / FILE_NAME).exists():
        with open_registry(workspace) as database:
            deployed = deployment_of(database, session.config.task.name)
        version = (deployed.champion or deployed.challenger) if deployed is not None else None
        if version is not None:
            result = load(runs, version.run_id)[0]
            return with_arm(result, version.arm) if version.arm else result
    if not runs.folder.is_dir() or next(runs.complete(STAGE), None) is None:
        raise UserError(
            "no-champion",
            f"Nothing answers {session.config.task.name!r} yet, so there is nothing to make again.",
            hint="Make the first model: insource run",
        )
    return load(runs)[0]


def learned_from(session: Session, result: RunResult) -> Dataset:
    """Return the dataset that a run was made from and judged on.

    Raises:
        DataError, IntegrityError: as ``dataset.saved.folder.load``.
    """
    folder = next((one.path for one in result.stages if one.stage == "dataset"), "")
    return load_dataset(session.project.datasets_path / folder)


def champion_plan(session: Session, result: RunResult, examples: tuple[Example, ...]) -> ArmPlan:
    """Return how the champion is asked about documents: exactly as it is served.

    Raises:
        UserError: ``model-not-found``; and as ``workflow.serve.answering``.
    """
    found = answering(session, result)
    served = result.served
    arm = Arm(
        name=NAME,
        model=found.name,
        kind=served.kind if served else "tuned",
        role="candidate",
        local=True,
        constrained=True,
        description=f"{served.arm if served else 'tuned'} of {result.run_id}",
    )

    @contextmanager
    def model() -> Iterator[Model]:
        with found.open() as opened:
            yield opened.model

    files = sorted(Path(path).name for path in result.paths.values())
    said = [result.run_id, served.model_dump(mode="json") if served else None, result.digests, files]
    return ArmPlan(
        arm=arm,
        examples=examples,
        identity={NAME: digest(said)},
        model=model,
        ask=lambda example: found.ask(example.input),
        confidence=lambda example, completion: found.confidence(completion),
    )
