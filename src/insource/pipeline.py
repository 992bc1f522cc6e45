"""★ Start here: the whole loop, one call a stage.

    log → dataset → train → export → evaluate → compare → decide → route → report

Each stage takes values and gives values; what it keeps goes into a run folder, and a stage that has a
complete folder for the same inputs is read back instead of run again. So every verb of the command
line is this same loop, stopped earlier, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

from importlib.util import find_spec

from insource.decision.cost import weigh
from insource.decision.verdict import conclude
from insource.foundation.errors import missing_extra
from insource.models.protocol import Model
from insource.training.base import require_extra
from insource.types import RunResult
from insource.workflow.build import build_dataset
from insource.workflow.conclude import Findings, keep
from insource.workflow.evaluate import compare_arms, evaluate_arms
from insource.workflow.export import make_model
from insource.workflow.looks import looks_at_test
from insource.workflow.route import Drive, calibrate, drive_gateway
from insource.workflow.session import Session


def run(session: Session, *, cloud: Model | None = None, drive: Drive | None = None) -> RunResult:
    """The loop, from the rows in a file to a report with a verdict.

    ``cloud`` is asked about every document, on the record, when given; otherwise the answers that came
    with the rows are the cloud. ``drive`` starts the gateway and sends it documents.

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
    require_extras()
    dataset, task = build_dataset(session, cloud)
    made = make_model(session, dataset, task)
    evaluated = evaluate_arms(session, dataset, task, made)
    comparisons = compare_arms(task, evaluated)
    policy, calibration = calibrate(session, dataset, task, made)
    routed = drive_gateway(session, dataset, made, policy, calibration, drive)
    economics = weigh(session.config.decision, evaluated)
    verdict = conclude(
        [one.evaluation.arm for one in evaluated],
        comparisons,
        economics,
        volume=session.config.decision.documents_per_month,
    )
    found = Findings(
        dataset,
        task,
        made.trained,
        made.exported,
        made.local.base.digest,
        made.local.max_new_tokens,
        evaluated,
        comparisons,
        policy,
        routed,
        economics,
        verdict,
    )
    return keep(session, found, test_looks=looks_at_test(session, dataset.splits["test"]).most)


def require_extras() -> None:
    """Everything the loop needs at its end is asked for at its start.

    Raises:
        PrerequisiteError: ``missing-extra``.
    """
    require_extra()
    for feature, extra, module in (
        ("Serving a model", "serve", "xllamacpp"),
        ("The report", "report", "vl_convert"),
    ):
        if find_spec(module) is None:
            raise missing_extra(feature, extra, module)
