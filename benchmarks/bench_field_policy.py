"""Single fields against whole documents: what a finished run would serve here, and what of it would be wrong.

Both policies bound the share of wrong fields. They are fitted on the run's calibration records and measured
on its test records, whose documents neither trained nor calibrated.

    insource demo && python benchmarks/bench_field_policy.py --workspace insource-demo/.insource
"""

from __future__ import annotations

import timeit
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from claims import Claims, parser

from insource.evaluation.stage import load as load_evaluation
from insource.routing.bounds.losses import WRONG, Counting, most_of
from insource.routing.cascade import fit_bound
from insource.routing.ways.certified import certified, changed
from insource.routing.ways.partial import doubtful, field_of, fields_of, fit_fields, least_confidences
from insource.routing.ways.rules import CallFacts, rule_for
from insource.runs.folders import RunStore
from insource.runs.result import load
from insource.types import Completion, EvalRecord, JsonSchema, Task
from insource.types.ways import Rule

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


def choosing_ways(claims: Claims, output: JsonSchema) -> None:
    """What a call costs more before anything is asked: as certified, its rule, its doubtful fields."""
    task = Task(name="task", instruction="Extract the fields. " * 100, output=output)
    known, names = certified(task), fields_of(output)
    rules = tuple(Rule(users=(f"user-{n}",), hours="22:00-06:00", use=("local",)) for n in range(20))
    call = CallFacts(datetime(2026, 11, 28, 23, tzinfo=UTC), user="user-19")
    policy = fit_fields((), output, {}, most=None, max_error=0.1, delta=DELTA)
    policy = policy.model_copy(update={"threshold": 0.5})
    answer = Completion(text="{}", field_confidences=dict.fromkeys(names, 0.7))

    def once() -> None:
        changed(known, prompt=task.instruction, schema=output.definition)
        rule_for(rules, call, "expensive")
        doubtful(policy, answer, names)

    times = 2_000
    ms = min(timeit.repeat(once, number=times, repeat=5)) / times * 1_000
    claims.add("choosing the ways of a call: a prompt of 2 kB, 20 rules, all fields", ms, "ms", at_most=0.2)


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
    choosing_ways(claims, output)
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
