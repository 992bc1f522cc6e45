"""Fit the policy for the configured bound, with what is known of groups that training never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from insource.config.routing import RoutingSection
from insource.foundation.errors import ConfigError
from insource.routing.bounds.coverage import known_groups
from insource.routing.bounds.frontier import BOUNDS, pickable
from insource.routing.bounds.groups import new_groups, unseen
from insource.routing.bounds.losses import Counting, Judged, most_counted, unknown_weights
from insource.routing.bounds.reasons import instead
from insource.routing.cascade import fit_bound, median
from insource.types import EvalRecord, JsonSchema, Policy, Task
from insource.types.routing import Feasible, Loss

OTHERS: tuple[Loss, ...] = ("documents", "fields", "invented")
"""The losses that can stand in for another one: they need neither weights nor a cloud."""

NO_MOST = (
    "Everything goes to the cloud: a bound on fields or values needs the most fields of a document, and the "
    "contract sets no limit (a text, a list without `maxItems`, an object open to other keys, a "
    'union). Set `routing.most_fields`, or `routing.loss` to "documents".'
)
NO_CLOUD = (
    "Everything goes to the cloud: a loss against the cloud needs its answers to the calibration documents, "
    'and there are none. Set `routing.loss` to "documents", or record them.'
)
TOO_STRICT = (
    "Everything goes to the cloud: these calibration documents were looked at before with another bound, and "
    "the frontier that was shown has none so strict. Calibrate on fresh documents, or pick one of its bounds."
)


def fitted(
    section: RoutingSection,
    task: Task,
    records: Sequence[EvalRecord],
    cloud: Mapping[str, EvalRecord],
    validation: Callable[[], Sequence[EvalRecord]],
    choices: int,
) -> Policy:
    """Return the policy for the loss and the unit of the configuration.

    ``records`` are those of the calibration split, ``cloud`` the cloud's answers there by document, for the
    loss ``cloud``. ``validation`` returns the chosen arm's records on the validation split: groups that
    training never saw say there what is to be expected of new ones. ``choices`` is as in ``Policy``.

    Fields of a document are bounded in number by the configuration or the contract, never by the records.
    """
    counting = counting_of(section, task, cloud)
    if counting is None:
        return _infeasible(section, len(records), NO_MOST)
    if section.loss == "cloud" and not cloud:
        return _infeasible(section, len(records), NO_CLOUD)
    bound = section.max_error if choices == 1 else pickable(section.max_error)
    if bound is None:
        return _infeasible(section, len(records), TOO_STRICT)
    fit = _Fit(section, counting, bound, choices)
    tested = unseen(records) if section.unit == "groups" else records
    policy = fit.policy(tested)
    if policy.basis != "guaranteed" and isinstance(task.output, JsonSchema):
        policy = fit.with_feasible(policy, task, tested)
    if not any(record.group is not None for record in records):
        return policy
    return fit.with_groups(policy, records, validation())


class _Fit(NamedTuple):
    """How a policy is fitted: the configuration, how its loss is counted, and the bound that is tested."""

    section: RoutingSection
    counting: Counting
    bound: float
    choices: int

    def policy(self, records: Sequence[EvalRecord]) -> Policy:
        found = fit_bound(
            self.counting.judged(records, self.section.unit),
            n=len(records),
            max_error=self.bound,
            delta=self.section.delta,
            on_infeasible=self.section.on_infeasible,
            choices=self.choices,
        )
        return found.model_copy(update={"weights": dict(self.counting.weights)})

    def threshold(self, known: Judged) -> float | None:
        """Return the threshold of fewer documents, by the same rule."""
        found = known.threshold(self.bound, self.section.delta / self.choices)
        return median(known) if found is None and self.section.on_infeasible == "median" else found

    def with_feasible(self, policy: Policy, task: Task, records: Sequence[EvalRecord]) -> Policy:
        """Return the policy with the losses and levels that these documents would support instead."""
        own = [one for one in policy.frontier if one.threshold is not None and one.max_error > self.bound]
        found = [Feasible(loss=policy.loss, max_error=one.max_error, share=one.share) for one in own[:1]]
        others = [one for loss in OTHERS if loss != policy.loss and (one := self._other(loss, task, records))]
        return policy.model_copy(
            update={"feasible": (*found, *others), "reason": policy.reason + instead(others)}
        )

    def _other(self, loss: Loss, task: Task, records: Sequence[EvalRecord]) -> Feasible | None:
        """Return the strictest bound of another loss, from this one on, that these documents would
        support."""
        counting = counting_of(self.section.model_copy(update={"loss": loss}), task, self.counting.cloud)
        known = counting.judged(records, self.section.unit) if counting else None
        if known is None or known.overfull:
            return None
        for bound in sorted({self.bound, *(one for one in BOUNDS if one > self.bound)}):
            threshold = known.threshold(bound, self.section.delta / self.choices)
            if threshold is not None:
                return Feasible(loss=loss, max_error=bound, share=known.served(threshold) / len(records))
        return None

    def with_groups(
        self, policy: Policy, records: Sequence[EvalRecord], validation: Sequence[EvalRecord]
    ) -> Policy:
        """Return the policy with the groups that it covers and what is to be expected of others."""
        by_group = self.section.unit == "groups"
        expected = new_groups(
            [
                (split, self.counting.judged(unseen(found)))
                for split, found in (("calibration", records), ("validation", validation))
            ],
            policy.threshold,
            self.threshold,
            max_error=self.bound,
            delta=self.section.delta / self.choices,
            held=by_group and policy.basis == "guaranteed",
        )
        known = () if by_group else known_groups(records)
        about = f" It is about the {len(known)} groups of the calibration documents." if known else ""
        return policy.model_copy(
            update={
                "calibrated_groups": known,
                "new_groups": expected,
                "reason": f"{policy.reason}{about} {expected.reason}",
            }
        )


def check_weights(section: RoutingSection, task: Task) -> None:
    """Check that every weight is about a field of the contract, before hours of training.

    Raises:
        ConfigError: ``config-invalid``.
    """
    if section.loss == "weighted" and (unknown := unknown_weights(task.output, section.weights)):
        raise ConfigError(
            "config-invalid",
            f"[routing.weights] names {', '.join(unknown)}, which the answers of {task.name} do not have.",
            hint="Name fields as the schema does, such as `total_amount`, or `items.price` in a list.",
        )


def counting_of(section: RoutingSection, task: Task, cloud: Mapping[str, EvalRecord]) -> Counting | None:
    """Return how the configured loss is counted, None where a document may hold any number."""
    weights = section.weights if section.loss == "weighted" else {}
    most = most_counted(task.output, section.loss, weights, section.most_fields)
    return None if most is None else Counting(section.loss, most, dict(weights), cloud)


def _infeasible(section: RoutingSection, n: int, reason: str) -> Policy:
    return Policy(
        loss=section.loss,
        unit=section.unit,
        threshold=None,
        basis="infeasible",
        max_error=section.max_error,
        delta=section.delta,
        calibration_n=n,
        expected_local_share=0.0,
        reason=reason,
    )
