"""The sections on provenance, on the limits of the figures, and on the terms."""

from __future__ import annotations

from insource.report import words
from insource.report.page import Block, Bullets, Cell, Row, Section, Table, Terms
from insource.report.vocabulary import DECISION_TERMS, METRICS, TERMS
from insource.types import RunResult, StageRun


def provenance(result: RunResult) -> Section:
    """Return the section with the limits, the run, its stages, digests and versions."""
    run: tuple[tuple[str, str], ...] = (
        ("Run", result.run_id),
        ("Reproduce with", result.command),
        ("Seed", str(result.seed)),
        ("Started", result.started_at),
        ("Finished", result.finished_at),
        ("Machine", result.machine),
        ("Insource", result.insource_version),
        ("Dataset", f"{result.dataset.name}@{result.dataset.digest}"),
        ("Test split evaluated", f"{result.test_looks:,} {'time' if result.test_looks == 1 else 'times'}"),
    )
    if result.served is not None:
        run += (("Served", f"{result.served.model} ({result.served.kind}), for {result.served.arm}"),)
    stages = Table("Stages", ("Stage", "Time", "Digest", "Run"), [_stage(s) for s in result.stages], (1,))
    blocks: list[Block] = [
        Bullets("Limits", _limits(result)),
        Terms("The run", run, code=True),
        stages,
    ]
    for heading, items in (
        ("Digests", result.digests),
        ("Files", result.paths),
        ("Versions", result.packages),
    ):
        if items:
            rows: list[Row] = [(name, item) for name, item in sorted(items.items())]
            blocks.append(Table(heading, ("Name", "Value"), rows, folded=True))
    return Section("provenance", "Can I trust and repeat this?", blocks=tuple(blocks))


def glossary(result: RunResult) -> Section:
    """Return the section that defines the metrics of this report and the statistical terms."""
    used = {name for evaluation in result.evaluations for name in evaluation.metrics}
    metrics = tuple(
        (words.metric(name, result.gold).label, metric.meaning)
        for name, metric in METRICS.items()
        if name in used
    )
    terms = TERMS if result.decision is None else TERMS | DECISION_TERMS
    return Section("glossary", "What do the words mean?", blocks=(Terms("", (*metrics, *terms.items())),))


def _stage(stage: StageRun) -> Row:
    time = (
        Cell("skipped", detail="a complete run was reused")
        if stage.skipped
        else Cell(words.seconds(stage.seconds))
    )
    return (stage.stage, time, stage.digest, Cell(stage.run_id, detail=stage.path))


def _limits(result: RunResult) -> tuple[str, ...]:
    sizes = sorted({evaluation.n for evaluation in result.evaluations})
    span = " to ".join(f"{n:,}" for n in dict.fromkeys((sizes[0], sizes[-1]))) if sizes else "none"
    limits = [
        f"The figures apply to documents like those of the test split ({span} per arm). "
        "The intervals cover the sampling of the documents, nothing else.",
        f"One training run with one seed ({result.seed}). Another seed gives slightly different figures."
        if result.training
        else "No model was trained in this run.",
    ]
    clouds = [one.arm for one in result.evaluations if one.arm.role == "reference"]
    if any(arm.simulated for arm in clouds):
        limits.append("The cloud is simulated: this report does not show how a real provider performs.")
    elif not clouds:
        limits.append("No cloud model was measured: this report does not show how a provider performs.")
    if result.test_looks > 1:
        limits.append(
            f"The test split was evaluated {result.test_looks:,} times. Choosing among repeated evaluations "
            "makes the figures optimistic."
        )
    if result.training and result.parity is None:
        limits.append("Parity of the served model and the trained model was not checked.")
    if result.routing and result.routing.policy.basis != "guaranteed":
        limits.append("The routing threshold does not guarantee the error of local answers.")
    limits.append("Costs depend on the stated assumptions, latencies on the machine named below.")
    return tuple(limits)
