"""How to get the same numbers again, what they cannot tell, and what the words mean."""

from __future__ import annotations

from insource.report import words
from insource.report.page import Block, Bullets, Cell, Row, Section, Table, Terms
from insource.types import RunResult, StageRun


def provenance(result: RunResult) -> Section:
    """Run, digests, stages, versions, and the limits in plain words."""
    run = (
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
    stages = Table("Stages", ("Stage", "Time", "Digest", "Run"), [_stage(s) for s in result.stages], (1,))
    blocks: list[Block] = [
        Bullets("Limits, in plain words", _limits(result)),
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
    """The metric words this report uses, then the statistical ones."""
    used = {name for evaluation in result.evaluations for name in evaluation.metrics}
    metrics = tuple((m.label, m.meaning) for name, m in words.METRICS.items() if name in used)
    return Section(
        "glossary", "What do the words mean?", blocks=(Terms("", (*metrics, *words.TERMS.items())),)
    )


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
        f"Figures hold for documents like the test split ({span} of them an arm); "
        "intervals cover the luck of which documents were drawn, nothing else.",
        f"One training run with one seed ({result.seed}): another seed gives somewhat other figures."
        if result.training
        else "No model was trained in this run.",
    ]
    clouds = [one.arm for one in result.evaluations if one.arm.role == "reference"]
    if any(arm.simulated for arm in clouds):
        limits.append("The cloud is simulated: nothing here says how a real provider would do.")
    elif not clouds:
        limits.append("No cloud model was measured: nothing here says how a provider would do.")
    if result.test_looks > 1:
        limits.append(
            f"The test split was evaluated {result.test_looks:,} times; choosing among repeated looks "
            "makes figures look better than they are."
        )
    if result.training and result.parity is None:
        limits.append("Whether the served model answers as the trained one was not checked.")
    if result.routing and result.routing.policy.basis != "guaranteed":
        limits.append("The routing threshold carries no guarantee on the error of local answers.")
    limits.append("Costs rest on the stated assumptions, latency on the machine named below.")
    return tuple(limits)
