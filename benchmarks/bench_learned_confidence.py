"""How good the confidence of each candidate is, on the test split of a project that the demonstration made.

Every candidate of the named kinds is taken for the chosen one in turn: its confidence is learned from the
validation split and a part of the calibration split, and measured on the test split. Finished stages are read
back, so run `insource demo` first; otherwise a model is trained.

    insource demo
    python benchmarks/bench_learned_confidence.py insource-demo
    python benchmarks/bench_learned_confidence.py insource-demo --kinds tuned
"""

from __future__ import annotations

from pathlib import Path

from claims import Claims, parser

from insource import Display, Project, Session, load
from insource.arms.registry import ARMS
from insource.types.confidence import ConfidenceFigures
from insource.workflow.build import build_dataset
from insource.workflow.choose import choose, fit_early
from insource.workflow.evaluate import evaluate_arms
from insource.workflow.export import make_model
from insource.workflow.route import calibrate, measure_on_test

KINDS = ("classical fields", "tuned")
LEAST_AUROC, MOST_ERROR, LEAST_RIGHT = 0.93, 0.02, 0.99


class Notes(Display):
    """Shows notes and nothing else."""

    def note(self, text: str) -> None:
        print(text)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("project", type=Path, help="the folder of the finished project")
    options.add_argument(
        "--kinds", nargs="+", default=KINDS, choices=KINDS, help="without the first, there is no second look"
    )
    found, claims = options.parse_args(), Claims()
    session = Session(Project.of(load(found.project / "insource.toml")), Notes(), "benchmark")
    arms = [arm for arm in ARMS if arm.kind in found.kinds]
    dataset, task = build_dataset(session, None)
    best = fit_early(session, dataset, task, arms)
    made = make_model(session, dataset, task)
    choice = choose(session, dataset, task, made, arms, best=best)
    if choice is None:
        raise SystemExit("no candidate can be measured")
    evaluated = evaluate_arms(session, dataset, task, made, arms, choice=choice, best=best)
    for name in [one.evaluation.arm.name for one in evaluated if one.evaluation.arm.role == "candidate"]:
        taken = choice.model_copy(update={"candidate": name})
        calibrated = calibrate(session, dataset, task, made, taken, arms)
        _, calibrated = measure_on_test(dataset, task, evaluated, taken, calibrated)
        if calibrated is None or calibrated.confidence is None:
            continue
        summary = calibrated.confidence
        figures_of(
            claims, f"{name}, {'learned' if summary.digest else 'as stated'}", summary.fields, judged=True
        )
        if summary.stated is not None:
            figures_of(claims, f"{name}, as stated", summary.stated, judged=False)
        figures_of(claims, f"{name}, whole answers", summary.answers, judged=False)
    claims.write(found.json)


def figures_of(claims: Claims, name: str, found: ConfidenceFigures, *, judged: bool) -> None:
    """State the figures with the ends of their intervals; judge those of the confidence that is served."""
    print(f"{name}: {found.wrong} of {found.n} wrong, {found.documents} documents")
    for what, estimate, unit, bound in (
        ("AUROC", found.auroc, "", {"at_least": LEAST_AUROC}),
        ("calibration error, debiased", found.calibration_error, "", {"at_most": MOST_ERROR}),
        ("right among the surest 80 %", found.accuracy_at_80, "", {"at_least": LEAST_RIGHT}),
        ("AURC", found.aurc, "", {}),
        ("Brier score", found.brier, "", {}),
    ):
        claims.add(f"{name}: {what}", estimate.value, unit, **(bound if judged else {}))
        claims.add(f"{name}: {what}, low", estimate.low, unit)
        claims.add(f"{name}: {what}, high", estimate.high, unit)


if __name__ == "__main__":
    main()
