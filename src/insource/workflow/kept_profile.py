"""The profile of the log, kept until the log or what it is read with changes."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from insource.foundation.canonical import digest
from insource.foundation.errors import InsourceError
from insource.foundation.files import write_json
from insource.logs.discovery.rules import FILE_NAME
from insource.logs.query import Log
from insource.logs.recorder import SPOOL_FOLDER, STORE_FILE
from insource.providers.prices import PriceTable
from insource.runs.folders import StageSpec
from insource.store.calls.feedback import FEEDBACK
from insource.store.calls.table import CALLS
from insource.types.log_profile import ProfiledLog
from insource.workflow.profile import profile_project
from insource.workflow.session import Session

STAGE, VERSION = "profile", 1
PROFILE_FILE = "profile.json"


def has_log(session: Session) -> bool:
    """Return whether anything was ever recorded or imported here."""
    workspace = session.project.workspace
    return (workspace / STORE_FILE).exists() or (workspace / SPOOL_FOLDER).is_dir()


def name_in_log(session: Session) -> str:
    """Return the name under which the calls of the project's own task are in the log."""
    logged = session.config.dataset.calls.task
    return logged if logged not in ("", "*") else session.config.task.name


def kept_profile(session: Session, since: datetime | None = None) -> ProfiledLog:
    """Return the profile of the log: the kept one, unless the log or the configuration has changed.

    Raises:
        InsourceError: as ``profile_project``.
    """
    config, workspace = session.config, session.project.workspace
    own = name_in_log(session)
    need = {own: config.decision.need_s} if config.decision.need_s is not None else {}
    output, rules = session.project.given_output(), workspace / FILE_NAME
    spec = StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={
            "log": _state(workspace),
            "rules": digest(rules.read_text(encoding="utf-8")) if rules.exists() else "",
        },
        config={
            "task": own,
            "output": output.model_dump(mode="json") if output is not None else None,
            "need_s": config.decision.need_s,
            "since": since.isoformat() if since is not None else None,
            "prices": {name: one.model_dump(mode="json") for name, one in config.prices.models.items()},
            "table": PriceTable().source,
        },
        seed=config.project.seed,
    )

    def work(folder: Path) -> dict[str, int]:
        found = profile_project(session, since=since, need_s=need)
        write_json(folder / PROFILE_FILE, found.model_dump(mode="json"))
        return {"tasks": len(found.profiles), "calls": found.calls}

    run = session.done(session.project.runs.run(spec, work))
    return ProfiledLog.model_validate_json((run.path / PROFILE_FILE).read_text(encoding="utf-8"))


def _state(workspace: Path) -> str:
    """Return a digest that changes with the calls, their costs and their feedback.

    The spool is drained first: a call that waits in it is part of the log.
    """
    with Log(workspace) as log:
        with suppress(InsourceError):  # the profile says that the latest calls are missing
            log.drain()
        with log.database.read() as connection:
            ends = [getattr(func, name)(CALLS.c.started_at) for name in ("min", "max")]
            calls = connection.execute(
                select(func.count(), *ends, func.max(CALLS.c.call_id), func.sum(CALLS.c.cost_nano_usd))
            ).one()
            feedback = connection.execute(select(func.count()).select_from(FEEDBACK)).scalar_one()
    return digest([list(calls), feedback])
