"""Read back what is known of a project's tasks, and decide about each: the log, the ladder, the prices."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select

from insource.dataset.saved.folder import load as load_dataset
from insource.decision.advice.facts import Ladder
from insource.decision.hardware.question import People, Prices, Question, Workload
from insource.evaluation.stage import STAGE as EVALUATE
from insource.evaluation.stage import Evaluated
from insource.evaluation.stage import load as load_evaluated
from insource.foundation.canonical import digest
from insource.foundation.errors import InsourceError, PrerequisiteError, UserError
from insource.foundation.files import replace_text, write_json
from insource.logs.discovery.rules import FILE_NAME
from insource.logs.recorder import SPOOL_FOLDER, STORE_FILE
from insource.report.render import write_decision
from insource.runs.folders import RunStore, StageSpec
from insource.runs.result import STAGE as RUN
from insource.runs.result import load as load_result
from insource.store.calls.feedback import FEEDBACK
from insource.store.calls.table import CALLS
from insource.store.database import open_database
from insource.types import Estimate, RunResult
from insource.types.decided import Decision, NextExperiment
from insource.types.log_profile import LogProfile, ProfiledLog
from insource.workflow.decide import decide_with, ladder_of
from insource.workflow.judge import Judged, terms_of
from insource.workflow.plan import plan_hardware
from insource.workflow.profile import profile_project
from insource.workflow.session import Session

PROFILE, PROFILE_VERSION = "profile", 1
PROFILE_FILE = "profile.json"
FOLDER = "decisions"
DECISION_FILE, PAGE_FILE = "decision.json", "decision.html"


class Known(NamedTuple):
    """What is known of a project: its log's profiles, and its newest measured ladder."""

    profiles: tuple[LogProfile, ...] = ()
    ladder: Ladder | None = None
    result: RunResult | None = None


def advise(
    session: Session,
    *,
    task: str | None = None,
    since: datetime | None = None,
    with_ladder: bool = True,
) -> tuple[Decision, ...]:
    """Return the decision on each task of the log and on the project's own, those that cost most first.

    Nothing is sent, trained or run. A profile of the same log and a measured ladder are read back. Each
    decision is kept in a folder of its own.

    Args:
        task: decide about this task alone.
        with_ladder: use the newest run, where there is one; else the log alone.

    Raises:
        UserError: ``nothing-to-decide``, ``no-such-task``; ``gate-invalid``.
    """
    known = what_is_known(session, since=since, with_ladder=with_ladder)
    own = session.config.task.name
    profiles = {one.task: one for one in known.profiles}
    names = [*profiles, *(() if known.ladder is None or _own_profile(session, profiles) else (own,))]
    if not names:
        raise UserError(
            "nothing-to-decide",
            "There is neither a log nor a finished run to decide from.",
            hint="Import a log: insource logs import FILE; or see a whole run: insource demo",
        )
    if task is not None and task not in names:
        raise UserError(
            "no-such-task",
            f"Nothing is known of a task {task!r}.",
            details=(f"Known tasks: {', '.join(names)}.",),
            hint="Name one of these, or leave the name out for all of them.",
        )
    found = []
    for name in names if task is None else (task,):
        profile = profiles.get(name)
        mine = name == own or (profile is not None and profile is _own_profile(session, profiles))
        ladder = known.ladder if mine else None
        decision = decide_with(
            session,
            name,
            profile,
            ladder,
            depth="log" if ladder is None else "ladder",
            deeper=() if ladder is not None else (ladder_cost(session, profile),),
        )
        if ladder is not None and known.result is not None:
            decision = decision.model_copy(update={"result": known.result.run_id})
        found.append(kept(session, decision))
    return tuple(found)


def what_is_known(session: Session, *, since: datetime | None = None, with_ladder: bool = True) -> Known:
    """Return the profiles of the log and the newest measured ladder, where there are any."""
    profiled = kept_profile(session, since) if has_log(session) else None
    profiles = profiled.profiles if profiled is not None else ()
    measured = _measured(session) if with_ladder else None
    return Known(profiles, *(measured or (None, None)))


def has_log(session: Session) -> bool:
    """Return whether anything was ever recorded or imported here."""
    workspace = session.project.workspace
    return (workspace / STORE_FILE).exists() or (workspace / SPOOL_FOLDER).is_dir()


def _own_profile(session: Session, profiles: dict[str, LogProfile]) -> LogProfile | None:
    """Return the profile of the project's own task."""
    return profiles.get(session.config.dataset.calls.task or session.config.task.name)


def kept_profile(session: Session, since: datetime | None = None) -> ProfiledLog:
    """Return the profile of the log: the kept one, unless the log or the configuration has changed."""
    config = session.config
    need = {config.task.name: config.decision.need_s} if config.decision.need_s is not None else {}
    rules = session.project.workspace / FILE_NAME
    output = session.project.given_output()
    spec = StageSpec(
        stage=PROFILE,
        version=PROFILE_VERSION,
        inputs={
            "log": _state_of_log(session.project.workspace),
            "rules": digest(rules.read_text(encoding="utf-8")) if rules.exists() else "",
        },
        config={
            "task": config.task.name,
            "output": output.model_dump(mode="json") if output is not None else None,
            "need_s": config.decision.need_s,
            "since": since.isoformat() if since is not None else None,
            "prices": {name: one.model_dump(mode="json") for name, one in config.prices.models.items()},
        },
        seed=config.project.seed,
    )

    def work(folder: Path) -> dict[str, int]:
        found = profile_project(session, since=since, need_s=need)
        write_json(folder / PROFILE_FILE, found.model_dump(mode="json"))
        return {"tasks": len(found.profiles), "calls": found.calls}

    run = session.done(session.project.runs.run(spec, work))
    return ProfiledLog.model_validate_json((run.path / PROFILE_FILE).read_text(encoding="utf-8"))


def newest_profile(runs: RunStore, task: str) -> LogProfile | None:
    """Return the profile of a task that was made last, without reading the log again."""
    for run in runs.complete(PROFILE):
        text = (run.path / PROFILE_FILE).read_text(encoding="utf-8")
        found = ProfiledLog.model_validate_json(text)
        return next((one for one in found.profiles if one.task == task), None)
    return None


def _state_of_log(workspace: Path) -> str:
    """Return a digest that changes with the calls, their costs and their feedback."""
    with open_database(workspace / STORE_FILE) as database, database.read() as connection:
        calls = connection.execute(
            select(
                func.count(),
                func.min(CALLS.c.started_at),
                func.max(CALLS.c.started_at),
                func.max(CALLS.c.call_id),
                func.sum(CALLS.c.cost_nano_usd),
            )
        ).one()
        feedback = connection.execute(select(func.count()).select_from(FEEDBACK)).scalar_one()
    waiting = sorted(path.name for path in (workspace / SPOOL_FOLDER).glob("*"))
    return digest([list(calls), feedback, waiting])


def _measured(session: Session) -> tuple[Ladder, RunResult] | None:
    """Return the ladder of the newest run, from the records of its evaluations."""
    runs = session.project.runs
    if not runs.folder.is_dir() or next(runs.complete(RUN), None) is None:
        return None
    result, _ = load_result(runs)
    named = {stage.run_id: stage for stage in result.stages if stage.stage.endswith(" on test")}
    evaluated: dict[str, Evaluated] = {}
    for run in runs.complete(EVALUATE):
        if run.run_id in named:
            one = load_evaluated(run)
            evaluated[one.evaluation.arm.name] = one
    priced = {one.arm.name: one for one in result.evaluations}
    ordered = [
        evaluated[name]._replace(evaluation=found) for name, found in priced.items() if name in evaluated
    ]
    if len(ordered) < len(priced):
        session.display.note("Records of some evaluations are gone: their costs and errors are unknown")
    folder = next((one.path for one in result.stages if one.stage == "dataset"), "")
    dataset = load_dataset(session.project.datasets_path / folder)
    task = session.project.task(dataset.manifest.output)
    judged = Judged(
        comparisons=result.comparisons,
        fairness=result.fairness,
        mixes=result.error_mixes,
        gold=result.gold,
        ceiling=result.ceiling,
    )
    policy = result.routing.policy if result.routing is not None else None
    terms = terms_of(session, dataset, task, result.gold)
    ladder = ladder_of(task, dataset, terms, ordered, judged, result.choice, policy, result.skipped_arms)
    return ladder._replace(run_id=result.run_id), result


def ladder_cost(session: Session, profile: LogProfile | None) -> NextExperiment:
    """Return what it takes to measure the ladder: training by the planner, answers at the assumed time."""
    return NextExperiment(
        depth="ladder",
        command="insource decide --depth ladder",
        settles="whether a classical or a tuned model is as good as today's way, on your own documents",
        minutes=_ladder_minutes(session, profile),
        usd=Estimate(
            value=0.0,
            method="nothing is sent: the answers of the log stand for the cloud",
            note="" if not session.config.reference.model else "asking the configured cloud costs extra",
        ),
    )


def _ladder_minutes(session: Session, profile: LogProfile | None) -> Estimate:
    if profile is None:
        return Estimate(value=None, method="unknown", note="no log says how many rows there are")
    config, spending = session.config, profile.spending
    tokens = spending.input_tokens.value
    if tokens is None:
        return Estimate(value=None, method="unknown", note=spending.input_tokens.note)
    answer = max(1, round(spending.output_tokens.value or 1))
    longest = round(spending.input_tokens_p95.value or tokens) + answer
    workload = Workload(
        length=max(1, longest),
        mean_length=max(1, min(longest, round(tokens) + answer)),
        answer=answer,
        examples=max(1, round(0.7 * profile.data.inputs)),
    )
    question = Question(
        model=config.training.model,
        section=config.training,
        workload=workload,
        people=People(),
        prices=Prices(),
    )
    try:
        plan = plan_hardware(session, question)
    except InsourceError as error:
        return Estimate(value=None, method="unknown", note=error.message)
    seconds = plan.training.seconds
    if seconds.value is None:
        return seconds
    asked = min(0.3 * profile.data.inputs, 400)
    answers = asked * config.decision.tuned_seconds
    found = Estimate.model_validate(seconds).model_copy(
        update={
            end: (getattr(seconds, end) + answers) / 60
            for end in ("value", "low", "high")
            if getattr(seconds, end) is not None
        }
    )
    return found.model_copy(
        update={"method": f"{seconds.method}; {asked:,.0f} answers at {config.decision.tuned_seconds:g} s"}
    )


def kept(session: Session, decision: Decision) -> Decision:
    """Write the decision into the workspace, the newest of its task."""
    folder = folder_of(session, decision.task)
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / DECISION_FILE, decision.model_dump_json(indent=1) + "\n")
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
