"""Start here: the whole loop, one call a stage.

    log → dataset → fit → train → export → choose → evaluate → compare → route → decide → report

Each stage takes values and returns values. It keeps its results in a run folder. A stage that already has
a complete folder for the same inputs is read back instead of run again. Every verb of the command line is
this loop, stopped earlier, and an interrupted run continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from insource.arms.factory import ArmFactory, ArmNeeds
from insource.arms.registry import ARMS
from insource.foundation.errors import missing_extra
from insource.models.protocol import Model
from insource.training.base import require_extra
from insource.types import RunResult
from insource.workflow.bound import check_weights
from insource.workflow.build import build_dataset
from insource.workflow.choose import choose, fit_early
from insource.workflow.conclude import Findings, assemble, keep
from insource.workflow.decide import decide
from insource.workflow.dissect import dissect
from insource.workflow.evaluate import evaluate_arms
from insource.workflow.export import make_model
from insource.workflow.field_policy import check_fields
from insource.workflow.judge import judge
from insource.workflow.looks import looks_at_test
from insource.workflow.register import register_choice
from insource.workflow.route import Drive, calibrate, drive_gateway, measure_cascade, measure_on_test
from insource.workflow.session import Session


def run(
    session: Session,
    *,
    cloud: Model | None = None,
    drive: Drive | None = None,
    arms: Sequence[ArmFactory] = ARMS,
) -> RunResult:
    """Walk the loop, from the rows of a source to a report with a verdict.

    When ``cloud`` is given, it is asked about every document and every call is logged. Otherwise the
    answers that came with the rows stand for the cloud. ``drive`` starts the gateway and sends it documents.
    ``arms`` are what is measured, in report order.

    Examples:
        >>> from pathlib import Path
        >>> from insource import Display, Project, Session, load, run
        >>> class Silent(Display):
        ...     pass
        >>> project = Project.of(load(Path("insource.toml")))  # doctest: +SKIP
        >>> result = run(Session(project, Silent(), "python loop.py"))  # doctest: +SKIP
        >>> result.verdict.outcome  # doctest: +SKIP
        'go'
    """
    require_extras(arms)
    dataset, task = build_dataset(session, cloud)
    check_weights(session.config.routing, task)
    check_fields(session.config.routing, task)
    best = fit_early(session, dataset, task, arms)
    made = make_model(session, dataset, task)
    choice = choose(session, dataset, task, made, arms, best=best)
    registration = register_choice(session, dataset, task, choice)
    evaluated = evaluate_arms(session, dataset, task, made, arms, choice=choice, best=best)
    calibrated = calibrate(session, dataset, task, made, choice, arms)
    evaluated, calibrated = measure_on_test(dataset, task, evaluated, choice, calibrated)
    evaluated += measure_cascade(session, dataset, task, evaluated, choice, calibrated)
    judged = judge(session, dataset, task, evaluated, choice, registration)
    found = Findings(
        dataset=dataset,
        task=task,
        made=made,
        choice=choice,
        registration=registration,
        evaluated=evaluated,
        judged=judged,
        parts=dissect(session, dataset, task, evaluated, judged.comparisons),
        calibrated=calibrated,
        decided=decide(
            session, dataset, task, evaluated, judged, choice, calibrated.policy if calibrated else None
        ),
    )
    result = assemble(session, found, test_looks=looks_at_test(session, dataset.splits["test"]).most)
    return keep(session, drive_gateway(session, dataset, result, calibrated, drive))


def require_extras(arms: Sequence[ArmFactory] = ARMS) -> None:
    """Check at the start that everything is installed that the loop needs at its end.

    Raises:
        PrerequisiteError: ``missing-extra``.
    """
    require_extra()
    candidates = [
        (f"The {arm.kind} model", arm.needs) for arm in arms if arm.role == "candidate" and not arm.early
    ]
    for feature, needs in (*candidates, ("The report", ArmNeeds(extra="report", module="vl_convert"))):
        if needs.module and find_spec(needs.module) is None:
            raise missing_extra(feature, needs.extra, needs.module)
