"""★ Start here: the whole loop, one call a stage.

    log → dataset → train → export → evaluate → compare → decide → route → report

Each stage takes values and gives values; what it keeps goes into a run folder, and a stage that has a
complete folder for the same inputs is read back instead of run again. So every verb of the command
line is this same loop, stopped earlier, and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from insource import arms
from insource.dataset.rows.teacher_policy import check_teachers, read_policy
from insource.decision.verdict import conclude
from insource.economics import weigh
from insource.evaluation.compare import compare
from insource.evaluation.run import Confidence, Progress
from insource.evaluation.scorers import build_scorer
from insource.evaluation.stage import ArmPlan, Evaluated, evaluate_arm
from insource.export.stage import ADAPTER_FILE, TOKENIZER_FILE, export
from insource.foundation.errors import ProviderError, missing_extra
from insource.intake import build_dataset, look_at_test, looks_at_test
from insource.matching.surface import SurfaceForms
from insource.models.catalogue import resolve
from insource.models.llamacpp import LlamaCppModel
from insource.models.protocol import Model
from insource.reference import cloud_price
from insource.results import Findings, keep
from insource.routing.cascade import fit_policy
from insource.routing.confidence import confidence_scorer
from insource.runs.folders import Run
from insource.session import Session
from insource.training.base import require_extra
from insource.training.stage import Watch, line, summary, train
from insource.types import (
    Comparison,
    Dataset,
    Example,
    JsonSchema,
    Policy,
    RoutedCall,
    RunResult,
    Split,
    Task,
)


class Made(NamedTuple):
    """The tuned model: its training run, its export, and what it takes to serve it."""

    trained: Run
    exported: Run
    local: arms.Local
    confidence: Confidence


Drive = Callable[[Session, Made, Policy, Sequence[Example]], tuple[RoutedCall, ...]]


def run(session: Session, *, cloud: Model | None = None, drive: Drive | None = None) -> RunResult:
    """The loop, from the rows in a file to a report with a verdict.

    ``cloud`` is asked about every document, on the record, when given; otherwise the answers that came
    with the rows are the cloud. ``drive`` starts the gateway and sends it documents.
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


def train_model(session: Session, dataset: Dataset, task: Task) -> Run:
    """A LoRA adapter on the embedded model, from the training split's labels."""
    section = session.config.training
    policy_path = session.project.policy_path
    check_teachers(dataset.splits["train"], read_policy(policy_path), policy_path)
    base = resolve(section.model)
    session.begin("train", f"LoRA on {base.name}, loss on the answers only")
    watch = Watch(
        planned=session.display.planned,
        point=lambda point, recipe: session.display.progress(line(point), point.step, recipe.steps),
    )
    return session.done(
        train(session.project.runs, dataset, task, base, section, session.config.project.seed, watch)
    )


def make_model(session: Session, dataset: Dataset, task: Task) -> Made:
    """Train, export, and check that what is served answers as what was trained."""
    trained = train_model(session, dataset, task)
    base = resolve(session.config.training.model)
    section = session.config.evaluation
    session.begin("export", "adapter to GGUF, then the parity gate")
    local = arms.Local(
        task=task,
        base=base,
        adapter=Path(),
        serving=session.config.serving,
        max_new_tokens=section.max_new_tokens or arms.longest_answer(summary(trained)),
        on_restart=lambda reason: session.display.note(f"The engine was started again: {reason}"),
    )

    @contextmanager
    def serve(adapter: Path) -> Iterator[LlamaCppModel]:
        with local._replace(adapter=adapter).serve("parity", 0) as served:
            yield served.model

    exported = session.done(
        export(
            session.project.runs,
            dataset,
            task,
            base,
            trained,
            serve,
            parity_prompts=section.parity_prompts,
            max_new_tokens=local.max_new_tokens,
            context_tokens=session.config.serving.context_tokens,
        )
    )
    local = local._replace(adapter=exported.path / ADAPTER_FILE)
    confidence = confidence_scorer(exported.path / TOKENIZER_FILE, lambda e: arms.grammar_for(task, e))
    return Made(trained, exported, local, confidence)


def evaluate_arms(session: Session, dataset: Dataset, task: Task, made: Made) -> tuple[Evaluated, ...]:
    """Every candidate on the sealed test split: the clouds as logged, the untuned model, the tuned one."""
    section = session.config.evaluation
    test = arms.sample(dataset.splits["test"], section.test_documents)
    few = arms.sample(test, section.base_documents)
    evaluated = []
    for name in dataset.manifest.cloud_models:
        logged = [example for example in test if name in example.cloud_outputs]
        if len(logged) < len(test):
            session.skip(name, f"answered {len(logged)} of {len(test)} test documents; judged on those")
        if logged:
            price = cloud_price(session, dataset, task, name)
            plan = arms.cloud(task, dataset, name, logged, price)
            evaluated.append(_evaluate(session, dataset, task, "test", plan, logged))
    for plan in arms.bases(made.local):
        try:
            evaluated.append(_evaluate(session, dataset, task, "test", plan, few))
        except ProviderError as error:
            if error.code != "model-keeps-failing":
                raise
            session.skip(plan.arm.name, f"not measured: {error.message}")
    plan = arms.tuned(made.local, made.confidence)
    evaluated.append(_evaluate(session, dataset, task, "test", plan, test))
    return tuple(evaluated)


def _evaluate(
    session: Session,
    dataset: Dataset,
    task: Task,
    split: Split,
    plan: ArmPlan,
    examples: Sequence[Example],
) -> Evaluated:
    name = plan.arm.name
    session.begin("evaluate", f"{name} on {len(examples)} {split} documents")

    def look() -> None:
        if split == "test":
            look_at_test(session, dataset.splits["test"], name)

    def progress(at: Progress) -> None:
        seconds = f", {at.last_s:.1f} s each" if at.last_s else ""
        session.display.progress(f"documents{seconds}", at.done, at.total)

    evaluated = evaluate_arm(
        session.project.runs,
        dataset,
        task,
        split,
        examples,
        plan,
        build_scorer(task, surface_forms(task, dataset)),
        look=look,
        progress=progress,
    )
    session.done(evaluated.run, f"evaluate {name} on {split}")
    session.display.evaluated(evaluated.evaluation, task.primary_metric)
    return evaluated


def surface_forms(task: Task, dataset: Dataset) -> SurfaceForms | None:
    """How values are written in the training labels; an answer is held to the same spelling."""
    if not isinstance(task.output, JsonSchema):
        return None
    targets = (json.loads(example.target) for example in dataset.splits["train"])
    return SurfaceForms.fit(targets, task.output.definition)


def compare_arms(task: Task, evaluated: Sequence[Evaluated]) -> tuple[Comparison, ...]:
    """The tuned model against every other arm, paired by document.

    The comparison that decides comes first: with the clouds, then with the stronger untuned arm.
    """
    by_name = {one.evaluation.arm.name: one for one in evaluated}
    candidate = by_name.get(arms.TUNED)
    if candidate is None:
        return ()
    order = {"cloud": 0, "base": 1, "simulated": 2}
    others = sorted(
        (one for one in evaluated if one is not candidate),
        key=lambda one: (
            order[one.evaluation.arm.kind],
            -(one.evaluation.metrics[task.primary_metric].value or 0.0),
        ),
    )
    return tuple(
        compare(
            (candidate.evaluation.arm, candidate.records),
            (other.evaluation.arm, other.records),
            metric=task.primary_metric,
            margin=task.margin,
        )
        for other in others
    )


def calibrate(session: Session, dataset: Dataset, task: Task, made: Made) -> tuple[Policy, Evaluated]:
    """When the local answer is good enough to serve: fitted on the calibration split, never on test."""
    examples = arms.sample(dataset.splits["calibration"], session.config.evaluation.calibration_documents)
    plan = arms.tuned(made.local, made.confidence)
    evaluated = _evaluate(session, dataset, task, "calibration", plan, examples)
    section = session.config.routing
    policy = fit_policy(
        [record.confidence for record in evaluated.records],
        [record.score is not None and record.score.exact for record in evaluated.records],
        max_error=section.max_error,
        delta=section.delta,
        on_infeasible=section.on_infeasible,
    )
    if any(example.attributes or example.contract for example in examples):
        policy = policy.model_copy(
            update={
                "threshold": None,
                "basis": "infeasible",
                "expected_local_share": 0.0,
                "reason": OWN_FIELDS,
            }
        )
    session.display.note(policy.reason)
    return policy, evaluated


OWN_FIELDS = (
    "Everything goes to the cloud: these documents ask for fields of their own or have their own schema, "
    "and the gateway serves the task's one prompt and schema, which was not calibrated."
)


def drive_gateway(
    session: Session,
    dataset: Dataset,
    made: Made,
    policy: Policy,
    calibration: Evaluated,
    drive: Drive | None,
) -> tuple[RoutedCall, ...]:
    """Two calibration documents through the running gateway: the surest answer and the least sure."""
    known = [record for record in calibration.records if record.confidence is not None]
    if drive is None or len(known) < 2:
        return ()
    session.begin("route", "the gateway answers one document here and escalates a doubtful one")
    ranked = sorted(known, key=lambda record: record.confidence or 0.0)
    by_id = {example.row_id: example for example in dataset.splits["calibration"]}
    started = time.monotonic()
    calls = drive(session, made, policy, [by_id[ranked[-1].row_id], by_id[ranked[0].row_id]])
    session.note_stage("route", started, digest_of=[call.row_id for call in calls])
    return calls
