"""Find the tasks of a log: those that its calls name, and those that discovery finds among the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select

from insource.foundation.clock import to_microseconds
from insource.logs.discovery.candidates import TaskCandidate
from insource.logs.discovery.prompts import Prompt
from insource.logs.discovery.rules import Rules
from insource.logs.discovery.survey import MIN_CALLS, survey
from insource.logs.discovery.templates import Template, TemplateIndex
from insource.logs.paid import ARM_SOURCE
from insource.store.calls.table import CALLS
from insource.store.database import Database


class LoggedTask(NamedTuple):
    """A task of the log with the prompts that its calls are made from, the commonest first."""

    name: str
    tagged: bool
    prompts: tuple[Template, ...]
    obstacles: tuple[str, ...]


class LoggedTasks:
    """The tasks of a log, and which of them a call belongs to."""

    def __init__(self, tasks: Sequence[LoggedTask]) -> None:
        self.tasks = tuple(tasks)
        self._untagged = TemplateIndex(one for task in tasks if not task.tagged for one in task.prompts)
        self._tagged = {task.name: TemplateIndex(task.prompts) for task in tasks if task.tagged}
        self._names = {
            one.fingerprint: task.name for task in tasks if not task.tagged for one in task.prompts
        }

    def of(self, tag: str, prompt: Prompt | None) -> tuple[str | None, Template | None]:
        """Return the task of a call, None where it belongs to none, and the prompt that it is made from."""
        if tag:
            index = self._tagged.get(tag)
            return tag, index.find(prompt) if index is not None and prompt is not None else None
        template = self._untagged.find(prompt) if prompt is not None else None
        return (self._names[template.fingerprint], template) if template is not None else (None, None)


def find_tasks(
    database: Database,
    *,
    since: datetime | None = None,
    rules: Rules | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> LoggedTasks:
    """Return the tasks of a log. ``rules`` are those of the project: their tasks keep their names.

    Raises:
        InsourceError: the store's failures.
    """
    tags = _tags(database, since)
    progress("find tasks among the calls without one")
    found = survey(database, since=since, rules=rules)
    ruled = set(rules.names().values()) if rules else set()
    tasks = []
    for one in found.candidates:
        # A new task must not be taken for one that calls name already.
        taken = one.name in tags and one.name not in ruled
        name = f"{one.name}-{one.versions[0].fingerprint}" if taken else one.name
        tasks.append(LoggedTask(name, False, _prompts([one]), one.obstacles))
    for tag, calls in sorted(tags.items()):
        progress(f"find the prompts of {tag}")
        groups = survey(database, since=since, task=tag).candidates if calls >= MIN_CALLS else ()
        tasks.append(LoggedTask(tag, True, _prompts(groups), groups[0].obstacles if groups else ()))
    return LoggedTasks(tasks)


def _prompts(groups: Sequence[TaskCandidate]) -> tuple[Template, ...]:
    versions = [version for group in groups for version in group.versions]
    return tuple(one.template for one in sorted(versions, key=lambda one: (-one.calls, one.fingerprint)))


def _tags(database: Database, since: datetime | None) -> dict[str, int]:
    """Return the tasks that the team's calls name, with the number of calls."""
    query = select(CALLS.c.task, func.count()).where(
        CALLS.c.task != "", CALLS.c.simulated.is_(False), CALLS.c.source != ARM_SOURCE
    )
    if since is not None:
        query = query.where(CALLS.c.started_at >= to_microseconds(since))
    with database.read() as connection:
        rows = connection.execute(query.group_by(CALLS.c.task)).all()
    return {task: count for task, count in rows}
