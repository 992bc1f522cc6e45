"""Make the model again: collect, train, judge against the champion, hand to the ladder or keep the champion.

A cycle is kept in a file of its own, step by step. An interrupted one goes on where it stopped, for the
reasons that it was begun for; its stages are runs like any others and are read back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from insource.dataset.fresh import write_fresh
from insource.foundation.clock import iso
from insource.foundation.ids import uuid7
from insource.lifecycle.anchors.kept import anchors_of
from insource.lifecycle.triggers import asked, base_to_train
from insource.runs.result import load
from insource.types import RunResult
from insource.types.retraining import Cycle, Mined, Ruling, Trigger
from insource.workflow.anchors import refuse_leaks
from insource.workflow.build import build_dataset
from insource.workflow.challenge import judge_challenger
from insource.workflow.champion import champion_of, learned_from
from insource.workflow.cycle_cost import CycleClock
from insource.workflow.cycles import keep_cycle, one_at_a_time, open_cycle
from insource.workflow.mine import mine
from insource.workflow.project import on_base
from insource.workflow.promote import hand_over, keep_champion, record_outcome
from insource.workflow.session import Session
from insource.workflow.situation import Assessed, assess, collected, fresh_of, triggers_of

Run = Callable[[Session], RunResult]
"""Walks the whole loop on a session: ``pipeline.run``, which stands above this file."""


class Retrained(NamedTuple):
    """The triggers, the cycle if there was one, and the documents to label next."""

    triggers: tuple[Trigger, ...]
    cycle: Cycle | None = None
    mined: Mined | None = None


def retrain(session: Session, run: Run, *, wanted: str = "") -> Retrained:
    """Go through one cycle if there is a reason, or finish the one that was begun.

    ``wanted`` is a person's reason for a cycle though no trigger is due.

    Raises:
        UserError: ``no-champion``; and as the stages of ``run``.
        PrerequisiteError: ``run-in-progress`` when another process retrains the task.
    """
    with one_at_a_time(session):
        cycle = open_cycle(session)
        if cycle is None:
            found = assess(session)
            triggers = triggers_of(session, found)
            if wanted:
                triggers = (*triggers, asked(wanted))
            if not any(one.due for one in triggers):
                return Retrained(triggers, mined=to_label_next(session, found))
            keep_champion(session, found.champion)
            cycle = keep_cycle(session, _begun(session, found, triggers))
        else:
            session.display.note(f"The cycle of {cycle.started_at[:16]} goes on after step {cycle.step!r}")
            if wanted:
                session.display.note(
                    f"The reason {wanted!r} is not used: this cycle was begun for another one"
                )
        ended = _Cycle(session, run).finish(cycle)
    return Retrained(cycle.triggers, ended)


def to_label_next(session: Session, found: Assessed) -> Mined:
    """Rank what to label next, with the rows of the traffic among the dataset's, and write the queue."""
    write_fresh(session.project.fresh_path, found.fresh.rows)
    dataset, task = build_dataset(session)
    return mine(session, found.champion, found.known, dataset, task)


def _begun(session: Session, found: Assessed, triggers: tuple[Trigger, ...]) -> Cycle:
    return Cycle(
        cycle_id=uuid7(),
        task=session.config.task.name,
        started_at=session.clock.now().isoformat(),
        triggers=triggers,
        champion=found.champion.run_id,
        champion_base=found.situation.base.name,
        base=base_to_train(found.situation),
    )


class _Cycle:
    """The steps of one cycle. Each is kept before the next begins; doing one twice changes nothing."""

    def __init__(self, session: Session, run: Run) -> None:
        self._session = session
        self._run = run

    def finish(self, cycle: Cycle) -> Cycle:
        """Take the steps that are left."""
        for step, take in (
            ("begun", self._collect),
            ("collected", self._make),
            ("made", self._judge),
            ("judged", self._conclude),
        ):
            if cycle.step == step:
                cycle = keep_cycle(self._session, take(cycle))
        return cycle

    def _collect(self, cycle: Cycle) -> Cycle:
        session = self._session
        session.begin("collect", "what the cloud answered and people corrected since, as rows")
        fresh = fresh_of(session)
        if fresh.rows or session.project.fresh_path.exists():
            write_fresh(session.project.fresh_path, fresh.rows)
        found = collected(fresh)
        session.display.note(f"{found.rows:,} rows of the traffic, {found.corrected:,} of them corrected")
        return cycle.model_copy(update={"step": "collected", "collected": found})

    def _make(self, cycle: Cycle) -> Cycle:
        session = self._session.anew(on_base(self._session.project, cycle.base))
        clock = CycleClock(session, cycle)
        anchors = anchors_of(session.project.workspace, cycle.task).anchors
        if anchors:
            refuse_leaks(
                session, anchors, train=build_dataset(session.anew(session.project))[0].splits["train"]
            )
        result = self._run(session)
        folder = next((one.path for one in result.stages if one.stage == "dataset"), "")
        made = {"step": "made", "challenger": result.run_id, "dataset": folder, "cost": clock.cost()}
        return cycle.model_copy(update=made)

    def _judge(self, cycle: Cycle) -> Cycle:
        session = self._session.anew(on_base(self._session.project, cycle.base))
        clock = CycleClock(session, cycle)
        # Not the champion that the cycle began with: another one may answer by now.
        champion, challenger = champion_of(session), load(session.project.runs, cycle.challenger)[0]
        cycle = cycle.model_copy(update={"champion": champion.run_id})
        if same_model(champion, challenger):
            found = Ruling(passes=False, reason=NOTHING_NEW)
            return cycle.model_copy(update={"step": "judged", "ruling": found, "outcome": "nothing new"})
        session.begin("challenge", f"{cycle.challenger} against the champion, {champion.run_id}")
        known, dataset = learned_from(session, champion), learned_from(session, challenger)
        found = judge_challenger(session, champion, known, challenger, dataset)
        session.display.note(found.reason)
        outcome = "passed" if found.passes else "kept"
        judged = {"step": "judged", "ruling": found, "outcome": outcome, "cost": clock.cost()}
        return cycle.model_copy(update=judged)

    def _conclude(self, cycle: Cycle) -> Cycle:
        session = self._session
        if champion_of(session).run_id not in (cycle.champion, cycle.challenger):
            session.display.note("Another version answers by now, so the challenger is judged again")
            cycle = keep_cycle(session, self._judge(cycle))
        outcome, reason = cycle.outcome, cycle.ruling.reason if cycle.ruling else ""
        if outcome == "passed" and session.config.retrain.promote:
            challenger = load(session.project.runs, cycle.challenger)[0]
            handed = hand_over(session, challenger, evidence_of(cycle))
            outcome, reason = handed.outcome, f"{reason} {handed.reason}"
        elif outcome == "passed":
            reason = f"{reason} `retrain.promote` is false: insource deploy shadow {cycle.challenger}"
        ended = {
            "step": "done",
            "outcome": outcome,
            "reason": reason,
            "finished_at": iso(session.clock.now()),
        }
        cycle = cycle.model_copy(update=ended)
        record_outcome(session, cycle)
        return cycle


NOTHING_NEW = (
    "The champion stays: the same model came out of the same rows. Label documents first: "
    "insource dataset review --queue to-label"
)


def same_model(champion: RunResult, challenger: RunResult) -> bool:
    """Return whether two runs made the same: what answers, and the policy it answers by."""
    return _made(champion) == _made(challenger)


def _made(result: RunResult) -> tuple[Any, ...]:
    files = {name: result.digests.get(name) for name in ("training", "export")}
    return files, result.served, result.routing and result.routing.policy, result.instruction


def evidence_of(cycle: Cycle) -> dict[str, float | int | str]:
    """Return the figures of a ruling as an event keeps them."""
    found: dict[str, float | int | str] = {"cycle": cycle.cycle_id}
    ruling = cycle.ruling
    parts = {"sealed": ruling.sealed, "fresh": ruling.fresh} if ruling is not None else {}
    for name, one in parts.items():
        if one is not None and one.difference.value is not None:
            found |= {f"{name} difference": one.difference.value, f"{name} n": one.n}
    return found
