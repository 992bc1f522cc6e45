"""Coverage and cost of the bound on the answers of finished projects, and of arms fitted to OA-Mine here."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomlkit
from bench_datasets import prepared, read
from claims import Claims
from routing_draws import Answers, naive, ours, redraw, served

from insource.arms.registry import ARMS
from insource.cli.options import open_session
from insource.evaluation.stage import load as load_evaluated
from insource.routing.bounds.losses import Counting, most_of
from insource.runs.folders import RunStore
from insource.runs.result import load as load_result
from insource.types import EvalRecord, OutputSpec, RunResult
from insource.types.routing import Loss
from insource.workflow.build import build_dataset
from insource.workflow.evaluate import evaluate_one, inputs_of

PUBLISHED_TARGET, PUBLISHED_REALISED = 0.97, 0.941  # field F1: README of taskdistill 0.1.1, 2026-09-27


def finished(folder: Path) -> tuple[RunResult, dict[str, Sequence[EvalRecord]]]:
    """The newest result of a project, and the records of its chosen arm by split."""
    runs = RunStore(folder / ".insource")
    result, _ = load_result(runs)
    chosen = result.served.arm if result.served else ""
    found: dict[str, Sequence[EvalRecord]] = {}
    for run in runs.complete("evaluate"):
        one = load_evaluated(run)
        if one.evaluation.arm.name == chosen:
            found.setdefault(one.evaluation.split, one.records)
    return result, found


def answers(
    records: Sequence[EvalRecord], output: OutputSpec, loss: Loss, most: float | None = None
) -> Answers:
    known = Counting(loss, most or most_of(output, loss) or 1).judged(records)
    return Answers(known.confidence, known.wrong, known.counted, known.most)


def specifications(claims: Claims, folder: Path, draws: int) -> None:
    """The specification case: calibration and test documents of known layouts are the population."""
    result, found = finished(folder)
    known = [one for split in ("calibration", "test") for one in found[split] if one.group_seen]
    for loss, bounds in (("documents", (0.2, 0.1)), ("fields", (0.1, 0.04))):
        pool = answers(known, result.dataset.output, loss)
        for bound in bounds:
            redraw(claims, f"specifications, known layouts, {loss}", pool, 150, bound, draws)
    promised(claims, "specifications", result)


def invoices(claims: Claims, folder: Path) -> None:
    """The recorded invoices by the peer's own split: chosen on validation layouts, realised in new ones."""
    result, found = finished(folder)
    promised(claims, "invoices", result)
    new = [one for one in found["test"] if one.group_seen is False]
    test = answers(new, result.dataset.output, "documents")
    validation = answers(found["validation"], result.dataset.output, "documents")
    for way, fit in (("ours, documents as units", ours), ("naive threshold", naive)):
        threshold = fit(validation, 0.05)
        share, wrong = served(test, threshold)
        at = f"invoices, 5% from the 4 validation layouts, in 6 new ones · {way}"
        claims.add(f"{at} · served here", share, "ratio")
        claims.add(f"{at} · wrong of that", wrong, "ratio")
    claims.add("invoices, published: agreement that the peer tuned to", PUBLISHED_TARGET, "field F1")
    claims.add(
        "invoices, published: agreement that it reached in new layouts", PUBLISHED_REALISED, "field F1"
    )


def promised(claims: Claims, name: str, result: RunResult) -> None:
    """What the policy of a run promises, and what it did on the test split."""
    if result.routing is None:
        return
    policy = result.routing.policy
    print(f"  {name}: {policy.basis}. {policy.reason}")
    for one in result.routing.served:
        held = policy.max_error if policy.basis == "guaranteed" and one.name == "known groups" else None
        at = f"{name}, {policy.loss}, {one.name}"
        claims.add(f"{at} · fields served here", one.fields.value, "ratio")
        claims.add(f"{at} · wrong of what is served", one.loss.value, "ratio", at_most=held)
        claims.add(f"{at} · cost of 1,000", one.cost_per_1000_usd, "$")
        claims.add(f"{at} · right with the cloud's", one.quality.value if one.quality else None, "ratio")


def oamine(claims: Claims, folder: Path, quick: bool, draws: int) -> None:
    """OA-Mine: the arms that need no language model, fitted to its training rows, on its test rows.

    Documents ask for attributes of their own, so the gateway would not serve them by one policy: this
    measures the bound, not a deployment.
    """
    rows = read(folder / "data.jsonl")[:: 4 if quick else 1]
    schemas = json.loads((folder / "schemas.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as home:
        for arm, records, output in _fitted(Path(home), [prepared(row, schemas) for row in rows]):
            most = max(len(row["attributes"]) for row in rows)
            for loss, bound in (("documents", 0.5), ("fields", 0.3)):
                known = _within(records, most) if loss == "fields" else records
                pool = answers(known, output, loss, most if loss == "fields" else None)
                at = f"OA-Mine, {arm}, {loss}"
                claims.add(
                    f"{at} · wrong where all is served", float(pool.wrong.sum() / pool.counted.sum()), "ratio"
                )
                redraw(claims, at, pool, len(pool.confidence) // 2, bound, draws)


def _within(records: Sequence[EvalRecord], most: int) -> list[EvalRecord]:
    """Documents with as many fields as attributes at most: those with several values in one hold more."""
    return [one for one in records if one.score and len(one.score.slots) <= most]


def _fitted(home: Path, rows: list[dict[str, Any]]) -> list[tuple[str, Sequence[EvalRecord], OutputSpec]]:
    settings = {
        "task": {"name": "oamine", "instruction": "Attributes as JSON.", "absent_fields": "unscored"},
        "dataset": {"on_bad_rows": "drop"},
    }
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (home / "data.jsonl").write_text(text, encoding="utf-8")
    (home / "insource.toml").write_text(tomlkit.dumps(settings), encoding="utf-8")
    session = open_session(home / "insource.toml", {}, quiet=True)
    dataset, task = build_dataset(session, None)
    inputs = inputs_of(session, dataset, task, None)
    found = []
    for arm in ARMS:
        if arm.early and arm.role == "candidate" and not arm.why_not(inputs):
            for plan in arm.make(inputs):
                one = evaluate_one(session, dataset, task, "test", plan)
                if any(record.confidence is not None for record in one.records):
                    found.append((plan.arm.name, one.records, task.output))
    return found
