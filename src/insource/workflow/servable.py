"""What a finished run can be served with: the arm that it chose, or another one that it measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from insource.evaluation.plan import ArmPlan
from insource.foundation.errors import UserError
from insource.models.prompting.folder import FILE as PROMPT
from insource.types import RunResult, Served
from insource.types.choice import HYBRID, HybridParts
from insource.workflow.session import Session


def served_by(session: Session, plan: ArmPlan) -> Served:
    """Return what answers for the arm of ``plan``, for ``RunResult.served``."""
    if plan.answers_in is None:
        return Served(arm=plan.arm.name, model=plan.arm.model)
    folder = plan.answers_in.relative_to(session.project.runs.folder).as_posix()
    kind: Literal["fitted", "prompted"] = "prompted" if (plan.answers_in / PROMPT).exists() else "fitted"
    return Served(arm=plan.arm.name, model=plan.arm.model, kind=kind, folder=folder)


def served_by_parts(session: Session, parts: HybridParts, plans: Sequence[ArmPlan]) -> Served:
    """Return what answers for a hybrid; ``plans`` are those of ``parts.names``, in their order."""
    found = tuple(served_by(session, plan) for plan in plans)
    source = {field: parts.names.index(name) for field, name in parts.source.items()}
    model = " + ".join(part.model for part in found)
    return Served(arm=HYBRID, model=model, kind="hybrid", parts=found, source=source)


def with_arm(result: RunResult, arm: str) -> RunResult:
    """Return a result as if it had chosen another arm that it measured, with no answer sure enough for it.

    The threshold was calibrated for the chosen arm.

    Raises:
        UserError: ``no-such-arm``.
    """
    chosen = result.served.arm if result.served else result.choice and result.choice.candidate
    if arm == chosen:
        return result
    known = {served.arm: served for served in (*result.servable, *([result.served] if result.served else []))}
    if arm not in known:
        names = ", ".join(repr(name) for name in sorted(known)) or "none"
        raise UserError(
            "no-such-arm",
            f"{result.run_id} has no arm {arm!r} that can be served here.",
            hint=f"Name one of these: {names}. A run before this version knows only the chosen one.",
        )
    if result.routing is None:
        return result.model_copy(update={"served": known[arm]})
    policy = result.routing.policy.model_copy(
        update={
            "threshold": None,
            "basis": "infeasible",
            "expected_local_share": 0.0,
            "reason": f"No answer is sure enough: the threshold was calibrated for {chosen}, not for {arm}.",
        }
    )
    certified = result.routing.certified
    certified = certified and certified.model_copy(update={"files": {}})  # those of the chosen arm
    others = {"certified": certified, "fields": None, "second_look": None}
    routing = result.routing.model_copy(update={"policy": policy, **others})
    return result.model_copy(update={"served": known[arm], "routing": routing})
