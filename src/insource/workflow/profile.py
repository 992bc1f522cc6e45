"""Profile the tasks of a project's log: the first depth of a decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from insource.arms.classical.first_look import first_look
from insource.decision.from_log.profile import Given, profile_log
from insource.foundation.errors import InsourceError
from insource.logs.discovery.rules import FILE_NAME, load_rules
from insource.logs.query import Log
from insource.providers.prices import PriceTable
from insource.types.log_profile import ProfiledLog
from insource.workflow.session import Session


def profile_project(
    session: Session, *, since: datetime | None = None, need_s: Mapping[str, float] | None = None
) -> ProfiledLog:
    """Return a profile of every task in the project's log. No language model runs, and nothing is sent.

    The contract of ``[task]`` is that of the task of this name, or of the one whose calls become the
    project's rows; those of other tasks are inferred.

    Args:
        need_s: the 95th percentile of the latency that callers accept, in seconds by task.

    Raises:
        UserError: ``no-log``, ``schema-unreadable``.
        ConfigError: ``rules-invalid``, ``config-invalid``.
        InsourceError: the store's failures.
    """
    project = session.project
    session.begin("log", "profile the tasks of the log; nothing is sent")
    output = project.given_output()
    with Log(project.workspace) as log:
        try:
            log.drain()
        except InsourceError as error:
            session.display.note(f"The latest calls are not in the store yet: {error.message}")
        given = Given(
            price=PriceTable(session.config.prices.models).cost,
            folder=project.workspace,
            rules=load_rules(log.root / FILE_NAME),
            outputs=dict.fromkeys(_names(session), output) if output is not None else {},
            need_s=need_s or {},
            fit=first_look,
            seed=session.config.project.seed,
        )
        return profile_log(log.database, given, since=since, progress=session.display.note)


def _names(session: Session) -> tuple[str, ...]:
    """Return the names under which the project's own task may be in the log."""
    return tuple(filter(None, (session.config.task.name, session.config.dataset.calls.task)))
