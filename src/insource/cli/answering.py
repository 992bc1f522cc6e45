"""What ``insource serve`` and ``insource gateway`` share: the projects, their models and their limits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from insource.config.loading import LoadedConfig
    from insource.config.sections import Config
    from insource.gateway.settings import HttpCloud, Limits, TaskSettings
    from insource.logs.recorder import Recorder
    from insource.workflow.serve import Deployed
    from insource.workflow.session import Session

host_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    show_default=True,
    help="The project's configuration. Without the file, defaults apply.",
)
project_option = click.option(
    "--project",
    "folders",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The folder of another project whose task to answer; repeatable. Overrides gateway.projects.",
)


class Answering(NamedTuple):
    """A task that is answered: its project's configuration, its model, and the settings with that open."""

    config: Config
    found: Deployed
    settings: TaskSettings


def sessions_of(
    host: LoadedConfig, config_path: Path, folders: Sequence[Path], run: str | None, *, needed: bool
) -> list[Session]:
    """Return the projects whose tasks are answered: the host's own if it has a run, then the others.

    ``needed`` says that there has to be one, so that the lack of a run is an error of the host's project.

    Raises:
        UserError: ``no-config`` for another project without a configuration.
        ConfigError: ``config-invalid``.
    """
    from insource.cli.options import open_session

    others = folders or [host.folder / one for one in host.config.gateway.projects]
    sessions = [open_session(folder / FILE_NAME, {}) for folder in others]
    if config_path.is_file():
        own = open_session(config_path, {})
        if run or (needed and not sessions) or _has_run(own):
            sessions.insert(0, own)
    return sessions


def _has_run(session: Session) -> bool:
    from insource.foundation.errors import UserError
    from insource.runs.result import load

    try:
        load(session.project.runs)
    except UserError:
        return False
    return True


def open_tasks(
    host: Config,
    sessions: Sequence[Session],
    run: str | None,
    stack: ExitStack,
    *,
    alone: bool,
    arm: str | None = None,
) -> list[Answering]:
    """Open the models of all projects until ``stack`` closes.

    ``run`` and ``arm`` are of the first project. ``alone`` leaves out the clouds, and answers whatever model
    a caller names.

    Raises:
        InsourceError: as ``deployed_together`` and the start of an engine.
    """
    from insource.gateway.from_config import reference_name
    from insource.gateway.settings import TaskSettings
    from insource.workflow.serve import deployed_together

    answering = []
    for session, found in zip(sessions, deployed_together(sessions, run, arm), strict=True):
        opened = stack.enter_context(found.open())
        settings = TaskSettings(
            task=found.task,
            policy=found.policy,
            version=found.version,
            local=opened.model,
            cloud=None if alone else _cloud(session.config),
            reference=reference_name(host, session.config),
            ask=found.ask,
            confidence=found.confidence,
            judge=found.judge,
            fields=found.fields,
            spelled=found.spelled,
            certified=found.certified,
            model_changed=found.model_changed,
            alive=opened.alive,
            slots=found.slots,
            engine=found.engine,
            any_model=alone,
        )
        answering.append(Answering(session.config, found, settings))
    return answering


def _cloud(config: Config) -> HttpCloud | None:
    from insource.gateway.settings import HttpCloud

    reference = config.reference
    if not reference.model:
        return None
    return HttpCloud(model=reference.model.partition("/")[2], base_url=reference.base_url)


def open_log(host: LoadedConfig, stack: ExitStack) -> Recorder:
    """Open the log in the host's workspace until ``stack`` closes; every task is recorded there.

    Raises as ``Recorder.open``.
    """
    from insource.logs.recorder import Recorder
    from insource.redaction import Redactor

    workspace = host.folder / host.config.project.workspace
    redactor = Redactor.from_config(host.config.log, workspace)
    failure = host.config.gateway.on_log_failure
    return stack.enter_context(
        Recorder.open(workspace, on_log_failure=failure, redactor=redactor, drain_apart=True)
    )


def limits_of(host: Config) -> Limits:
    """Return how long calls may wait for a local model."""
    from insource.gateway.settings import Limits

    section = host.gateway
    return Limits(waiting=section.max_waiting, deadline_s=section.deadline_s, overload=section.overload)
