"""Fit the policy for single fields, where the configuration escalates them alone."""

from __future__ import annotations

from collections.abc import Sequence

from insource.config.routing import RoutingSection
from insource.foundation.errors import ConfigError
from insource.routing.bounds.frontier import pickable
from insource.routing.bounds.losses import most_of
from insource.routing.ways.partial import fields_of, fit_fields
from insource.types import EvalRecord, JsonSchema, Task
from insource.types.ways import FieldPolicy
from insource.workflow.session import Session

TOO_STRICT = {
    "threshold": None,
    "basis": "infeasible",
    "expected_share": 0.0,
    "expected_doubtful": 1.0,
    "reason": "Fields are not served one by one: these calibration documents were looked at before with "
    "another bound, and the frontier that was shown has none so strict. Calibrate on fresh documents, or "
    "pick one of its bounds.",
}


def field_policy(
    session: Session, task: Task, records: Sequence[EvalRecord], choices: int = 1
) -> FieldPolicy | None:
    """Return the policy for the fields of the calibration records, None where whole documents are escalated.

    ``choices`` is as in ``Policy``: a bound that was picked after these records were looked at has to be one
    of the frontier's, and is tested that much more strictly.

    Raises:
        ConfigError: as ``check_fields``.
    """
    section = session.config.routing
    check_fields(section, task)
    if not single_fields(section) or not isinstance(task.output, JsonSchema):
        return None
    bound = section.max_error if choices == 1 else pickable(section.max_error)
    policy = fit_fields(
        records,
        task.output,
        section.fields,
        most=section.most_fields or most_of(task.output, "fields"),
        max_error=section.max_error if bound is None else bound,
        delta=section.delta,
        choices=choices,
    )
    if bound is None:
        policy = policy.model_copy(update=TOO_STRICT)
    session.display.note(policy.reason)
    return policy


def single_fields(section: RoutingSection) -> bool:
    """Return whether single fields are escalated."""
    return section.escalate != "document" or bool(section.fields)


def check_fields(section: RoutingSection, task: Task) -> None:
    """Check that single fields can be escalated as configured, before hours of training.

    Raises:
        ConfigError: ``config-invalid`` for a field that the contract does not have, a task without fields, or
            a bound on groups.
    """
    if not single_fields(section):
        return
    if not isinstance(task.output, JsonSchema):
        raise ConfigError(
            "config-invalid",
            f"[routing] escalates single fields, and the answers of {task.name} have none.",
            hint='Remove [routing.fields], and set escalate = "document" under [routing].',
        )
    names = fields_of(task.output)
    if unknown := sorted(section.fields.keys() - set(names)):
        raise ConfigError(
            "config-invalid",
            f"[routing.fields] names {', '.join(unknown)}, which the answers of {task.name} do not have.",
            hint=f"The fields are: {', '.join(names)}.",
        )
    if section.unit == "groups":
        raise ConfigError(
            "config-invalid",
            'routing.unit is "groups", and the bound on single fields is tested with documents as its unit.',
            hint='Set unit = "documents" under [routing], or escalate whole documents: escalate = "document" '
            "without [routing.fields].",
        )
