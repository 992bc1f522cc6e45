"""What a finished run can be served with: the arm that it chose, or another one that it measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from insource.evaluation.plan import ArmPlan
from insource.foundation.errors import IntegrityError, UserError
from insource.models.fitted.model import FittedModel, request_to
from insource.models.fitted.registry import load as load_fitted
from insource.models.prompting.folder import FILE as PROMPT
from insource.routing.fields.model import FieldConfidence, load
from insource.types import Completion, RunResult, Served, Task
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
    others = {"certified": certified, "confidence": None, "fields": None, "second_look": None}
    routing = result.routing.model_copy(update={"policy": policy, **others})
    return result.model_copy(update={"served": known[arm], "routing": routing})


def confidence_of(result: RunResult) -> FieldConfidence | None:
    """Return the learned confidence that the policy of a run is about, None where it has none.

    Raises:
        UserError: ``model-not-found`` when its file was deleted.
        DataError: ``confidence-unreadable``.
        IntegrityError: ``digest-mismatch`` when it is another file.
    """
    summary = result.routing.confidence if result.routing else None
    if summary is None or not summary.digest:
        return None
    path = Path(result.paths.get("confidence", ""))
    if not path.is_file():
        raise UserError(
            "model-not-found",
            f"The learned confidence of {result.run_id} is not there any more: {path}.",
            hint="Make it again: insource run",
        )
    found = load(path)
    if found.digest != summary.digest:
        raise IntegrityError(
            "digest-mismatch",
            f"{path} is not the learned confidence that the policy of {result.run_id} is about.",
            hint="Make a run with its own: insource run",
        )
    return found


def second_answerer(
    runs: Path, result: RunResult, task: Task, arm: str
) -> Callable[[str], Completion] | None:
    """Return what answers a document for the fitted arm with which the chosen one is compared; None for none.

    Raises:
        UserError: ``model-not-found``.
        DataError: ``fitted-model-unreadable``.
    """
    if not arm:
        return None
    served = next((one for one in result.servable if one.arm == arm), None)
    if served is None or not served.folder or not (runs / served.folder).is_dir():
        raise UserError(
            "model-not-found",
            f"{arm}, whose answers {result.run_id} compares with those of its model, is not there any more.",
            hint="Make it again: insource run",
        )
    model = FittedModel(arm, load_fitted(runs / served.folder))
    return lambda document: model.generate(request_to(task, document))
