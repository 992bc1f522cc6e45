"""Decide about each task of a project from all that is kept: the log, the ladder, the probes, the prices."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from insource.foundation.canonical import digest
from insource.foundation.errors import PrerequisiteError, UserError
from insource.foundation.files import replace_text
from insource.report.render import write_decision
from insource.types.decided import Decision, Depth
from insource.types.log_profile import LogProfile
from insource.workflow.decide import decide_with, pair_of
from insource.workflow.depths import Deeper, ladder_cost, probe_cost
from insource.workflow.kept_ladder import Measured, kept_ladder
from insource.workflow.kept_profile import has_log, kept_profile, name_in_log
from insource.workflow.session import Session
from insource.workflow.suffice import suffice

FOLDER = "decisions"
DECISION_FILE, PAGE_FILE = "decision.json", "decision.html"
PROBED_FILE = "probed.json"
"""The last decision with probes: a later look at the log alone does not lose them."""


def advise(
    session: Session,
    *,
    task: str | None = None,
    since: datetime | None = None,
    with_ladder: bool = True,
    deeper: Deeper | None = None,
) -> tuple[Decision, ...]:
    """Return the decision on each task of the log and on the project's own, those that cost most first.

    Nothing is sent, trained or run. A profile of the same log, a measured ladder and the probes of the last
    decision on it are read back. Each decision is kept in a folder of its own.

    Args:
        task: decide about this task alone.
        with_ladder: use the newest run, where there is one; else the log alone.
        deeper: what the probes found just now.

    Raises:
        UserError: ``nothing-to-decide``, ``no-such-task``; ``gate-invalid``.
    """
    profiled = kept_profile(session, since).profiles if has_log(session) else ()
    profiles = {one.task: one for one in profiled}
    measured = kept_ladder(session) if with_ladder else None
    own = _own_name(session, profiles)
    names = [*profiles, *([own] if measured is not None and own not in profiles else [])]
    _require(task, names, since if has_log(session) else None, with_ladder=with_ladder)
    found = []
    for name in names if task is None else (task,):
        profile = profiles.get(name)
        if measured is not None and name == own:
            decision = _with_ladder(session, name, profile, measured, deeper)
        else:
            steps = (ladder_cost(session, profile),)
            decision = decide_with(
                session,
                name,
                profile,
                None,
                depth="log",
                deeper=steps,
                own=name == own or len(names) == 1,
                maybe_own=name == own or own not in names,
            )
        found.append(kept(session, decision))
    return tuple(found)


def _own_name(session: Session, profiles: dict[str, LogProfile]) -> str:
    """Return the name under which the project's own task is in the log, else the project's."""
    logged = name_in_log(session)
    return logged if logged in profiles else session.config.task.name


def _require(task: str | None, names: list[str], since: datetime | None, *, with_ladder: bool) -> None:
    if not names and since is not None:
        raise UserError(
            "nothing-to-decide",
            f"The log has no call since {since:%Y-%m-%d %H:%M}{', and no run is finished' * with_ladder}.",
            hint="Give an earlier --since, or leave it out for the whole log.",
        )
    if not names:
        raise UserError(
            "nothing-to-decide",
            f"There is {'neither a log nor a finished run' if with_ladder else 'no log'} to decide from.",
            hint="Import a log: insource logs import FILE; or see a whole run: insource demo",
        )
    if task is not None and task not in names:
        raise UserError(
            "no-such-task",
            f"Nothing is known of a task {task!r}.",
            details=(f"Known tasks: {', '.join(names)}.",),
            hint="Name one of these, or leave the name out for all of them.",
        )


def _with_ladder(
    session: Session, name: str, profile: LogProfile | None, measured: Measured, deeper: Deeper | None
) -> Decision:
    """Return the decision on the project's own task, with the probes of now or of the last decision."""
    result, ladder = measured.result, measured.ladder
    known = deeper or _last(session, name, result.run_id)
    if known is None:
        pair = pair_of(measured.evaluated, ladder)
        enough = suffice(session, measured.dataset, measured.task, None, pair)
    else:
        enough = known.sufficiency
    depth: Depth = "ladder" if known is None else "probe"
    decision = decide_with(
        session,
        name,
        profile,
        ladder,
        sufficiency=enough,
        probes=known.probes if known is not None else None,
        depth=depth,
        deeper=(probe_cost(session, measured),) if known is None else (),
    )
    return decision.model_copy(update={"result": result.run_id})


def _last(session: Session, name: str, run_id: str) -> Deeper | None:
    """Return the probes of the last decision on the same run, None where there are none."""
    path = folder_of(session, name) / PROBED_FILE
    try:
        last = Decision.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none, or of another version: the probes are read back when asked for
        return None
    if last.result != run_id or last.probes is None or last.sufficiency is None:
        return None
    return Deeper(last.probes, last.sufficiency)


def kept(session: Session, decision: Decision) -> Decision:
    """Write the decision into the workspace, the newest of its task."""
    folder = folder_of(session, decision.task)
    folder.mkdir(parents=True, exist_ok=True)
    text = decision.model_dump_json(indent=1) + "\n"
    if decision.probes is not None:
        replace_text(folder / PROBED_FILE, text)
    replace_text(folder / DECISION_FILE, text)
    return decision


def write_page(session: Session, decision: Decision) -> Path | None:
    """Write the page of a decision beside it; say what is missing where it cannot be drawn."""
    try:
        return write_decision(decision, folder_of(session, decision.task) / PAGE_FILE)
    except PrerequisiteError as error:
        session.display.note(f"No page was written: {error.message}")
        return None


def folder_of(session: Session, task: str) -> Path:
    """Return where the decision on a task is kept. Task names come from logs, and may hold anything."""
    plain = "".join(one if one.isalnum() or one in "-_." else "-" for one in task).strip(".-")[:60]
    name = plain if plain == task else f"{plain or 'task'}-{digest(task)[:8]}"
    return session.project.workspace / FOLDER / name
