"""Write the primary comparison down before the test split is read, and say afterwards what it proves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from insource.dataset.rows.examples import sealed as sealed_test
from insource.evaluation.registration import opened, register, sealed, standing
from insource.foundation.canonical import digest
from insource.foundation.files import replace_text
from insource.types import Comparison, Dataset, Example, Task
from insource.types.choice import Choice
from insource.types.comparison import Registration
from insource.workflow.looks import every_look
from insource.workflow.session import Session

FOLDER = "registrations"


def register_choice(
    session: Session, dataset: Dataset, task: Task, choice: Choice | None
) -> Registration | None:
    """Register the comparison that ``choice`` decided on, or read back the one of the same terms.

    The first registration of the same terms holds, so that a repeated run is not registered after its own
    look; before any look, terms that are returned to after others are registered anew. Returns None without
    a comparison to register.

    Raises:
        DataError: ``registration-changed``.
    """
    if choice is None or not choice.baseline:
        return None
    section = session.config.evaluation
    test_digest, _ = sealed_test(dataset.splits["test"])
    found = register(
        choice.candidate,
        choice.baseline,
        metric=choice.metric,
        margin=task.margin,
        test_digest=test_digest,
        chosen={trial.arm: trial.value for trial in choice.trials},
        question=section.question,
        group_test=section.group_test,
        clock=session.clock,
    )
    path = _path(session, found)
    if path.exists():
        first = opened(path.read_text(encoding="utf-8"))
        later = any(one.registered_at > first.registered_at for one in _others(session, first))
        if not later or every_look(session, dataset.splits["test"]):
            return first
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, sealed(found))
    session.display.note(
        f"Registered before the test split is read: {found.candidate} against {found.baseline} on "
        f"{found.metric.replace('_', ' ')}"
    )
    return found


def _path(session: Session, found: Registration) -> Path:
    """Return where these terms are kept; what was measured before and when it was is no part of them."""
    terms = digest(found.model_dump(mode="json", exclude={"registered_at", "chosen"}))
    return session.project.workspace / FOLDER / f"{terms[:16]}.json"


def with_standing(
    session: Session,
    test: Sequence[Example],
    comparisons: Sequence[Comparison],
    registration: Registration | None,
) -> tuple[Comparison, ...]:
    """Return the comparisons, each with whether it is confirmatory or exploratory, and why."""
    test_digest, _ = sealed_test(test)
    looks = every_look(session, test)
    others = _others(session, registration) if registration else ()
    return tuple(
        one.model_copy(update={"standing": standing(one, registration, looks, test_digest, others)})
        for one in comparisons
    )


def _others(session: Session, registration: Registration) -> tuple[Registration, ...]:
    """Return what else was registered on the same test documents."""
    folder = session.project.workspace / FOLDER
    found = (opened(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json")))
    return tuple(one for one in found if one.test_digest == registration.test_digest and one != registration)
