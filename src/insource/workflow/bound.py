"""Fit the policy for the configured bound, with what is known of groups that training never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from insource.config.routing import RoutingSection
from insource.routing.cascade import fit_bound, median
from insource.routing.coverage import known_groups
from insource.routing.frontier import pickable
from insource.routing.groups import new_groups, unseen
from insource.routing.losses import BY_DOCUMENT, Counting, Judged, most_of
from insource.types import EvalRecord, Policy, Task

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
    by_group = section.unit == "groups"
    tested = unseen(records) if by_group else list(records)

    def fit(known: Judged) -> Policy:
        return fit_bound(
            known,
            n=len(tested),
            max_error=bound,
            delta=section.delta,
            on_infeasible=section.on_infeasible,
            choices=choices,
        )

    def refit(known: Judged) -> float | None:
        """Return the threshold of fewer documents, by the same rule."""
        found = known.threshold(bound, section.delta / choices)
        return median(known) if found is None and section.on_infeasible == "median" else found

    policy = fit(counting.judged(tested, section.unit))
    parts = [
        (split, counting.judged(found))
        for split, found in (("calibration", unseen(records)), ("validation", unseen(validation())))
    ]
    if not any(record.group is not None for record in records):
        return policy.model_copy(update={"weights": counting.weights})
    expected = new_groups(
        parts,
        policy.threshold,
        refit,
        max_error=bound,
        delta=section.delta / choices,
        held=by_group and policy.basis == "guaranteed",
    )
    known = () if by_group else known_groups(records)
    about = f" It is about the {len(known)} groups of the calibration documents." if known else ""
    return policy.model_copy(
        update={
            "weights": counting.weights,
            "calibrated_groups": known,
            "new_groups": expected,
            "reason": f"{policy.reason}{about} {expected.reason}",
        }
    )


def counting_of(section: RoutingSection, task: Task, cloud: Mapping[str, EvalRecord]) -> Counting | None:
    """Return how the configured loss is counted, None where a document may hold any number."""
    weights = section.weights if section.loss == "weighted" else {}
    stated = None if section.loss in BY_DOCUMENT else section.most_fields
    most = stated and stated * max(weights.values(), default=1.0)
    most = most or most_of(task.output, section.loss, weights)
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
