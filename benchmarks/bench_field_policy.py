"""Single fields against whole documents: what a finished run would serve here, and what of it would be wrong.

Both policies bound the share of wrong fields. They are fitted on the run's calibration records and measured
on its test records, whose documents neither trained nor calibrated.

    insource demo && python benchmarks/bench_field_policy.py --workspace insource-demo/.insource
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from claims import Claims, parser

from insource.evaluation.stage import load as load_evaluation
from insource.routing.cascade import fit_bound
from insource.routing.losses import WRONG, Counting, most_of
from insource.routing.partial import field_of, fields_of, fit_fields, least_confidences
from insource.runs.folders import RunStore
from insource.runs.result import load
from insource.types import EvalRecord, JsonSchema

BOUNDS, DELTA = (0.1, 0.05, 0.02, 0.01), 0.05


def records_of(runs: RunStore, arm: str, split: str) -> tuple[EvalRecord, ...]:
    """Return the records of the newest evaluation of an arm on a split."""
    for run in runs.complete("evaluate"):
        found = load_evaluation(run)
        if (found.evaluation.arm.name, found.evaluation.split) == (arm, split):
            return found.records
    raise SystemExit(f"{runs.folder} has no evaluation of {arm} on the {split} split.")


def served(
    records: Sequence[EvalRecord], names: Sequence[str], keeps: Callable[[EvalRecord, str], bool]
) -> tuple[float, float]:
    """Return the share of all fields that is served here, and the share of those that is wrong."""
    total = here = wrong = 0
    for record in records:
        score = record.score
        for slot in score.slots if score is not None else ():
            name = field_of(slot.path, names)
            total += 1
            if score is not None and score.schema_valid and name is not None and keeps(record, name):
                here += 1
                wrong += slot.bucket in WRONG
    return here / total, wrong / here if here else 0.0


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--workspace", type=Path, required=True, help="workspace of a finished run")
    given = arguments.parse_args()
    claims, runs = Claims(), RunStore(given.workspace)
    result, _ = load(runs)
    output = result.dataset.output
    if result.served is None or not isinstance(output, JsonSchema):
        raise SystemExit("The newest run chose no arm with fields.")
    calibration, test = (records_of(runs, result.served.arm, split) for split in ("calibration", "test"))
    names, most = fields_of(output), most_of(output, "fields")
    claims.add("calibration documents, test documents", len(calibration), f"and {len(test)}")
    for bound in BOUNDS:
        known = Counting("fields", most or 1).judged(calibration)
        whole = fit_bound(known, n=len(calibration), max_error=bound, delta=DELTA, on_infeasible="cloud")
        least = whole.threshold

        def by_document(record: EvalRecord, name: str, least: float | None = least) -> bool:
            return least is not None and record.confidence is not None and record.confidence >= least

        policy = fit_fields(calibration, output, {}, most=most, max_error=bound, delta=DELTA)

        def by_field(record: EvalRecord, name: str, least: float | None = policy.threshold) -> bool:
            stated = record.completion.field_confidences if record.completion else {}
            sure = least_confidences(stated, names).get(name)
            return least is not None and sure is not None and sure >= least

        for way, keeps in (("whole documents", by_document), ("single fields", by_field)):
            share, error = served(test, names, keeps)
            claims.add(f"{bound:.0%} of the fields, {way}: fields served here (test)", share, "")
            claims.add(f"{bound:.0%} of the fields, {way}: wrong among those (test)", error, "")
    claims.write(given.json)


if __name__ == "__main__":
    main()
