"""State the one primary comparison before the first look at the test split, and check it afterwards.

A comparison that was chosen after the results were seen tests nothing: the best of twenty equal arms looks
better than it is. So what decides is written down first, with its digest and time, and everything else is
called exploratory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from insource.foundation import canonical
from insource.foundation.clock import SYSTEM, Clock, iso
from insource.foundation.errors import DataError
from insource.types import Comparison, Estimate
from insource.types.comparison import GroupTest, Look, Question, Registration, Standing

ONE_LOOK = "One evaluation of each arm on the whole test split; no document is added afterwards."


def register(
    candidate: str,
    baseline: str,
    *,
    metric: str,
    margin: float,
    test_digest: str,
    chosen: Mapping[str, Estimate],
    alpha: float = 0.05,
    question: Question = "documents",
    group_test: GroupTest = "cluster t",
    stop_rule: str = ONE_LOOK,
    clock: Clock = SYSTEM,
) -> Registration:
    """Return the registration of a comparison, with the present time.

    ``chosen`` is the metric on the validation split of every arm that could have been the candidate;
    ``test_digest`` is that of the dataset's manifest.
    """
    return Registration(
        candidate=candidate,
        baseline=baseline,
        metric=metric,
        margin=margin,
        alpha=alpha,
        question=question,
        group_test=group_test,
        test_digest=test_digest,
        chosen=dict(chosen),
        stop_rule=stop_rule,
        registered_at=clock.now(),
    )


def sealed(registration: Registration) -> str:
    """Return the text of a registration file: canonical JSON with the sha256 of its content."""
    content = registration.model_dump(mode="json")
    return canonical.dumps({"registration": content, "sha256": canonical.digest(content)}) + "\n"


def opened(text: str) -> Registration:
    """Return the registration that ``sealed`` wrote.

    Raises:
        DataError: ``registration-changed`` when the text was cut or edited.
    """
    try:
        found = json.loads(text)
        content = found["registration"]
        if canonical.digest(content) == found["sha256"]:
            return Registration.model_validate(content)
    except (ValueError, KeyError, TypeError, ValidationError):
        pass  # every one of these says that it is not what was written
    raise DataError(
        "registration-changed",
        "The registration of the primary comparison is not what was written before the test split was read.",
        hint="Restore the file from a copy, or register again on test documents that nobody has looked at.",
    )


def standing(
    comparison: Comparison,
    registration: Registration | None,
    looks: Sequence[Look],
    test_digest: str,
    others: Sequence[Registration] = (),
) -> Standing:
    """Return whether a comparison on the test split is confirmatory, with the reason.

    It is when it is the registered one, no look at any of the documents came before the registration, it is
    the last that was registered before the first look, and each of its two arms has been looked at in one
    run. ``looks`` are those at the test documents (``store.looks.looks_at``), ``others`` the other
    registrations on them.
    """
    if registration is None:
        arms = len({look.arm for look in looks})
        several = f", and {arms} arms were evaluated on them" if arms > 1 else ""
        return _exploratory(f"no comparison was registered before the test documents were read{several}")
    if changed := _differences(comparison, registration, test_digest):
        return _exploratory(
            f"the registered comparison is {registration.candidate} with {registration.baseline} on "
            f"{registration.metric}; this one has another {' and another '.join(changed)}"
        )
    early = [look for look in looks if look.at < registration.registered_at]
    if early:
        runs = len({look.run_id for look in early})
        return _exploratory(
            f"{runs} {'run' if runs == 1 else 'runs'} had read test documents before the registration of "
            f"{iso(registration.registered_at)}"
        )
    first = min((look.at for look in looks), default=None)
    later = [one for one in others if first and registration.registered_at < one.registered_at <= first]
    if later:
        newest = max(later, key=lambda one: one.registered_at)
        return _exploratory(
            f"another comparison, {newest.candidate} with {newest.baseline}, was registered after it at "
            f"{iso(newest.registered_at)}, before any test document was read: that one decides"
        )
    for arm in (registration.candidate, registration.baseline):
        runs = len({look.run_id for look in looks if look.arm == arm})
        if runs > 1:
            return _exploratory(f"{arm} was evaluated on test documents {runs} times")
    return Standing(
        kind="confirmatory",
        reason=f"registered at {iso(registration.registered_at)}, before any test document was read",
    )


def _differences(comparison: Comparison, registration: Registration, test_digest: str) -> list[str]:
    """Return what is not as registered, in words."""
    alpha = 1 - comparison.difference.confidence
    same = {
        "candidate": comparison.candidate == registration.candidate,
        "baseline": comparison.baseline == registration.baseline,
        "metric": comparison.metric == registration.metric,
        "margin": comparison.margin == registration.margin,
        "level": abs(alpha - registration.alpha) < 1e-9,
        "question": comparison.question == registration.question,
        "test split": test_digest == registration.test_digest,
    }
    if registration.question == "groups" and registration.group_test == "sign flip":
        same["test"] = "sign flip" in comparison.test
    return [what for what, kept in same.items() if not kept]


def _exploratory(reason: str) -> Standing:
    return Standing(kind="exploratory", reason=reason)
