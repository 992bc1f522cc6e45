"""What ``insource serve`` and ``insource gateway`` share: the projects, their models and their limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from insource.config.loading import FILE_NAME

if TYPE_CHECKING:
    from insource.config.loading import LoadedConfig
    from insource.config.sections import Config
    from insource.gateway.settings import HttpCloud, Limits, Registered, TaskSettings, WaySettings
    from insource.logs.recorder import Recorder
    from insource.types.deployment import Version
    from insource.workflow.deployed import Deployed, Opened
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

    ``run`` and ``arm`` are of the first project; a run that is named answers, whatever is deployed. ``alone``
    leaves out the clouds, and answers whatever model a caller names. Otherwise the registry of deployments
    says which versions answer, and the newest run does while it says nothing.

    Raises:
        InsourceError: as ``deployed_together`` and the start of an engine.
    """
    from insource.gateway.from_config import reference_name
    from insource.workflow.serve import deployed_together

    followed = not alone and run is None
    named = [(run, arm), *[(None, None)] * len(sessions)]
    asked = [_deployed(session) for session in sessions] if followed else named
    answering = []
    for session, found in zip(sessions, deployed_together(sessions, asked), strict=True):
        settings = replace(
            _settings_of(session, found, stack.enter_context(found.open())),
            cloud=None if alone else _cloud(session.config),
            ways=_ways(session.config, found, alone=alone),
            reference=reference_name(host, session.config),
            any_model=alone,
            registered=_registered(session, found) if followed else None,
        )
        answering.append(Answering(session.config, found, settings))
    return answering


def _deployed(session: Session) -> tuple[str | None, str | None]:
    """Return the run and the arm that the registry deploys, None for the newest run without one."""
    from insource.workflow.deploy import deployed_version

    version = deployed_version(session)
    return (None, None) if version is None else (version.run_id, version.arm or None)


def _settings_of(session: Session, found: Deployed, opened: Opened) -> TaskSettings:
    """Return the settings of a task whose model is open, without what it escalates to."""
    from insource.gateway.settings import TaskSettings
    from insource.redaction import Redactor
    from insource.workflow.alarms import keep_alarm
    from insource.workflow.deploy import version_of

    return TaskSettings(
        task=found.task,
        policy=found.policy,
        version=found.version,
        digest=version_of(found.result, found.task.name).digest,
        local=opened.model,
        ask=found.ask,
        ways=_ways(session.config, found, alone=True),
        confidence=found.confidence,
        judge=found.judge,
        certified=found.certified,
        model_changed=found.model_changed,
        redact=Redactor.from_config(session.config.log, session.project.workspace).text,
        alarm=lambda alarm: keep_alarm(session.project.workspace, *alarm),
        spelled=found.spelled,
        alive=opened.alive,
        slots=found.slots,
        engine=found.engine,
        rollout=session.config.rollout,
    )


def _registered(session: Session, first: Deployed) -> Registered:
    """Return how a gateway opens further versions of a project's task, and compares answers."""
    from insource.evaluation.differences import differing
    from insource.gateway.settings import Registered
    from insource.workflow.anchor_watch import AnchorWatch
    from insource.workflow.deploy import require_certified
    from insource.workflow.serve import answering

    @contextmanager
    def opened(version: Version) -> Iterator[TaskSettings]:
        found = answering(session, require_certified(session, version))
        with found.open() as model:
            yield _settings_of(session, found, model)

    return Registered(
        workspace=session.project.workspace,
        open=opened,
        compare=differing(first.task),
        most_fields=session.config.routing.most_fields,
        anchors=AnchorWatch(session, first.task),
    )


def _cloud(config: Config) -> HttpCloud | None:
    return _http_cloud(config, config.reference.model, config.reference.base_url)


def _http_cloud(config: Config, model: str, base_url: str) -> HttpCloud | None:
    from insource.gateway.settings import HttpCloud

    if not model:
        return None
    name, timeout_s = model.partition("/")[2], config.routing.cloud_timeout_s
    return HttpCloud(model=name, base_url=base_url, timeout_s=timeout_s)


def _ways(config: Config, found: Deployed, *, alone: bool) -> WaySettings:
    """Return the ways of an answer beside local and cloud, as ``[routing]`` configures them."""
    from insource.gateway.from_config import tier_of
    from insource.gateway.settings import WaySettings

    section = config.routing
    tier = None if alone else tier_of(config)
    return WaySettings(
        fields=found.fields,
        rules=section.rules,
        fail=section.fail,
        tier=_http_cloud(config, tier.model, tier.base_url) if tier is not None else None,
        tier_accepts=section.tier_accepts,
        cache_s=section.cache_s,
    )


def ways_told(one: Answering) -> list[str]:
    """Return a line for each way that is switched on, and for a model that is not as certified."""
    ways, section = one.settings.ways, one.config.routing
    told = []
    if one.found.model_changed:
        told.append(
            f"{one.found.model_changed} is not as certified: its answers are not served. "
            "Calibrate again: insource run"
        )
    if ways.fields is not None:
        told.append(ways.fields.reason)
    if ways.tier is not None:
        told.append(f"Asks {section.tier} before {one.config.reference.model}")
    if ways.cache_s:
        told.append(f"Answers the same call again from the log for {ways.cache_s:g} s")
    if ways.rules:
        told.append(f"Follows {len(ways.rules)} routing rule{'s' * (len(ways.rules) != 1)}")
    return told


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
