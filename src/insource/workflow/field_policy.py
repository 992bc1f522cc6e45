"""Fit the policy for single fields, where the configuration escalates them alone."""

from __future__ import annotations

from collections.abc import Sequence

from insource.foundation.errors import ConfigError
from insource.routing.bounds.losses import most_of
from insource.routing.ways.partial import fields_of, fit_fields
from insource.types import EvalRecord, JsonSchema, Task
from insource.types.ways import FieldPolicy
from insource.workflow.session import Session


def field_policy(session: Session, task: Task, records: Sequence[EvalRecord]) -> FieldPolicy | None:
    """Return the policy for the fields of the calibration records, None where whole documents are escalated.

    Raises:
        ConfigError: ``config-invalid`` for a field that the contract does not have, or a task without fields.
    """
    section = session.config.routing
    if section.escalate == "document" and not section.fields:
        return None
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
    most = section.most_fields or most_of(task.output, "fields")
    policy = fit_fields(
        records,
        task.output,
        section.fields,
        most=most,
        max_error=section.max_error,
        delta=section.delta,
    )
    session.display.note(policy.reason)
    return policy
