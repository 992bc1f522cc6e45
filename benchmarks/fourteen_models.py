"""Fourteen cloud models on the same 1,000 complaints: the recorded answers, compared as a family.

    python benchmarks/fourteen_models.py DATA.jsonl [--incumbent gpt-4o] [--primary gpt-4o-mini]

The data are those of Roumeliotis, Tselikas and Nasiopoulos (Electronics 14(6):1070, 2025, MIT), one row
a line: `id`, `input`, `output` (a label) and `cloud_outputs` by model. Every model is compared with the
incumbent. The primary comparison is as it is; the others are corrected by Holm, with the simultaneous
intervals that belong to it. The accuracies that were published for some of the models are stated beside ours.
"""

from __future__ import annotations

import json
from pathlib import Path

from claims import Claims, parser

from insource.evaluation.compare import Terms
from insource.evaluation.comparison.family import compare_family
from insource.evaluation.comparison.pairs import Side
from insource.evaluation.metrics import summarise
from insource.evaluation.scorers import Scorer, build_scorer
from insource.types import (
    Arm,
    Comparison,
    Completion,
    Estimate,
    EvalRecord,
    Example,
    Labels,
    Provenance,
    Task,
)

PUBLISHED_ACCURACY = {
    "o1-2024-12-17": 0.777,
    "gpt-4.5-preview-2025-02-27": 0.774,
    "claude-3-7-sonnet-latest": 0.765,
    "gpt-4o": 0.736,
    "gpt-4o-mini": 0.691,
}


def read_sides(path: Path) -> dict[str, Side]:
    """Every model as an arm, with its answers scored by Insource's scorer."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    labels = Labels(names=tuple(sorted({row["output"] for row in rows})))
    score = build_scorer(Task(name="complaints", instruction="", output=labels, primary_metric="accuracy"))
    examples = [
        Example(
            row_id=row["id"],
            digest=row["id"],
            input=row["input"],
            target=row["output"],
            cloud_outputs=row["cloud_outputs"],
            provenance=Provenance(source="recorded"),
        )
        for row in rows
    ]
    models = dict.fromkeys(model for row in rows for model in row["cloud_outputs"])
    return {model: (_arm(model), [_record(one, model, score) for one in examples]) for model in models}


def _arm(model: str) -> Arm:
    return Arm(name=model, model=model, kind="cloud as logged", role="reference")


def _record(example: Example, model: str, score: Scorer) -> EvalRecord:
    if model not in example.cloud_outputs:
        return EvalRecord(row_id=example.row_id, status="failed", reason="no answer")
    answer = Completion(text=example.cloud_outputs[model])
    scored = score(example, answer)
    return EvalRecord(row_id=example.row_id, status="scored", completion=answer, score=scored)


def compared(sides: dict[str, Side], incumbent: str, primary: str, margin: float) -> tuple[Comparison, ...]:
    """Every other model against the incumbent."""
    pairs = [(side, sides[incumbent]) for model, side in sides.items() if model != incumbent]
    return compare_family(pairs, Terms("accuracy", margin), primary=(primary, incumbent))


def points(estimate: Estimate) -> str:
    low, high = estimate.low, estimate.high
    ends = "no interval" if low is None or high is None else f"{100 * low:+.1f} to {100 * high:+.1f}"
    return f"{100 * (estimate.value or 0):+.1f} [{ends}]"


def row(found: Comparison) -> str:
    """One line of the table: as it is, then after the correction."""
    accuracy = 100 * (found.candidate_value.value or 0.0)
    text = f"{found.candidate:<28} {accuracy:5.1f} {found.better:4d}:{found.worse:<4d} "
    text += f"{points(found.difference):<22} {found.p_value:8.2g}  "
    if found.adjusted is None:
        return f"{text}primary: {found.outcome}"
    adjusted = found.adjusted
    text += f"{points(adjusted.difference):<22} {adjusted.p_value:8.2g} {adjusted.p_not_worse:9.2g}  "
    return text + adjusted.outcome


def main() -> None:
    options = parser(__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--incumbent", default="gpt-4o")
    options.add_argument("--primary", default="gpt-4o-mini")
    options.add_argument("--margin", type=float, default=0.02)
    arguments = options.parse_args()
    sides = read_sides(arguments.data)
    claims = Claims()
    for model, published in PUBLISHED_ACCURACY.items():
        found = summarise(sides[model][0], "test", sides[model][1]).metrics["accuracy"]
        away = abs((found.value or 0.0) - published)
        claims.add(f"{model}: distance from the published accuracy", away, "", at_most=5e-4)
    print(f"\nagainst {arguments.incumbent}, margin {100 * arguments.margin:g} points; difference in points")
    heads = ("difference", "p", "simultaneous", "Holm p", "not worse", "outcome")
    print(f"{'model':<28} acc %  won:lost {heads[0]:<22} {heads[1]:>8}  {heads[2]:<22} {' '.join(heads[3:])}")
    family = compared(sides, arguments.incumbent, arguments.primary, arguments.margin)
    for one in sorted(family, key=lambda one: -(one.difference.value or 0.0)):
        print(row(one))
    claims.write(arguments.json)


if __name__ == "__main__":
    main()
