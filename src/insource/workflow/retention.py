"""Measure whether the tuned model memorised its rows, and what it forgot, through its engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from insource.arms.local import Local, local_plan
from insource.arms.tuned import FACTORY as TUNED
from insource.evaluation.comparison.difficulty import nearest_distance
from insource.evaluation.retention import counterfactual
from insource.evaluation.retention.canaries import canaries
from insource.evaluation.retention.drift import NextTokens, adapter_off, drift, whole_tokens
from insource.evaluation.retention.memory import (
    better_by,
    by_similarity,
    loss_rose,
    memorised,
    nearest_minus_farthest,
    quality,
)
from insource.evaluation.retention.probes import MAKERS, Probe, probes
from insource.evaluation.retention.skills import compare_skills
from insource.evaluation.sample import sample
from insource.evaluation.stage import Evaluated
from insource.export.agreement import metric_of
from insource.foundation.files import write_json
from insource.models.llamacpp import LlamaCppModel
from insource.models.protocol import Model, Request
from insource.runs.folders import RunStore, StageSpec
from insource.serving.shared_engine import SharedEngine
from insource.training.stage import summary
from insource.types import Arm, Completion, Dataset, Example, JsonSchema, Message, Task
from insource.types.retention import AdapterOff, Canaries, Counterfactuals, Drift, Retention
from insource.workflow.evaluate import evaluate_one, inputs_of
from insource.workflow.export import Made
from insource.workflow.session import Session

STAGE, VERSION = "retention", 1
RETENTION_FILE = "retention.json"
QUESTIONS = 30  # of each probe
ANSWER_TOKENS = 40
DRIFT_PROMPTS = 8
DRIFT_TOKENS = 24
EDITED = 40
CANDIDATES = 50  # next tokens of each place; the others count as one


class _Told(NamedTuple):
    """Prompts for the drift, and what the base model answered to each."""

    name: Literal["task", "general"]
    requests: Sequence[Request]
    answers: Sequence[Completion]


def measure_retention(
    session: Session, dataset: Dataset, task: Task, made: Made, *, documents: int | None = None
) -> Retention:
    """Return overfitting and forgetting of the tuned model, and keep them in a run folder.

    As many training documents as test documents are answered (``documents`` at most), then edited ones. The
    test answers are those of the evaluation; where it has not been run, this is a look at the test split.

    Raises as ``evaluate_one``, and ``ProviderError`` as the engine.
    """
    plan = TUNED.make(inputs_of(session, dataset, task, made))[0]
    tested = evaluate_one(session, dataset, task, "test", plan)
    training = sample(dataset.splits["train"], min(documents or len(plan.examples), len(plan.examples)))
    _announce(session, task, len(training), tested)
    trained = evaluate_one(session, dataset, task, "train", plan._replace(examples=training, is_look=False))
    edited, edits = _edited(session, dataset, task, made, training, trained, tested)
    session.begin("retention", "the base and the tuned model on probes beside the task")
    inputs = {"train": made.trained.digest, "export": made.exported.digest}
    inputs |= {"test": tested.run.digest, "training documents": trained.run.digest}
    spec = StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs=inputs | ({"edited": edited.run.digest} if edited else {}),
        config={
            "questions": QUESTIONS,
            "tokens": [ANSWER_TOKENS, DRIFT_TOKENS],
            "prompts": DRIFT_PROMPTS,
            "candidates": CANDIDATES,
        },
        seed=session.config.project.seed,
    )

    def work(folder: Path) -> dict[str, object]:
        found = _memory(dataset, task, made, training, tested, trained)
        found = found.model_copy(update={"counterfactuals": _judged(edits, trained, edited)})
        found = found.model_copy(update=_beside(session, task, made.local.here(), dataset))
        document = found.model_dump(mode="json")
        write_json(folder / RETENTION_FILE, document)
        return document

    return Retention.model_validate(session.done(session.project.runs.run(spec, work)).result)


def retention_of(runs: RunStore, training: str) -> Retention | None:
    """Return the newest measurement of a training run, by its digest."""
    for run in runs.complete(STAGE):
        if run.manifest["spec"]["inputs"]["train"] == training:
            return Retention.model_validate(run.result)
    return None


def _announce(session: Session, task: Task, training: int, tested: Evaluated) -> None:
    """Say how long the rest takes, from the answers to the test documents."""
    documents = training + (min(EDITED, training) if isinstance(task.output, JsonSchema) else 0)
    tokens = len(MAKERS) * QUESTIONS * 2 * ANSWER_TOKENS
    # Said by the base, read by the tuned model one request a token, said again with the adapter off.
    tokens += 3 * (len(MAKERS) + DRIFT_PROMPTS) * DRIFT_TOKENS
    timed = [r.completion for r in tested.records if r.completion and r.completion.latency_s]
    written = sum(one.usage.output_tokens or 0 for one in timed)
    seconds = sum(one.latency_s or 0.0 for one in timed)
    if not written:
        return
    expected = documents * seconds / len(timed) + tokens * seconds / written
    session.display.note(
        f"About {max(1, round(expected / 60))} min at most, at the speed of the test answers: {documents:,} "
        f"documents, and {tokens:,} tokens beside the task. Ctrl-C stops; answered documents are kept."
    )


def _memory(
    dataset: Dataset,
    task: Task,
    made: Made,
    training: Sequence[Example],
    tested: Evaluated,
    trained: Evaluated,
) -> Retention:
    """Return what the answers to training and test documents show."""
    metric = metric_of(task, tested.records)
    ours, theirs = quality(trained.records, metric), quality(tested.records, metric)
    gap = better_by(ours, theirs, metric)
    rose = loss_rose(summary(made.trained))
    test = dataset.splits["test"]
    distances = nearest_distance([e.input for e in test], [e.input for e in dataset.splits["train"]])
    similarity = {e.row_id: 1.0 - float(d) for e, d in zip(test, distances, strict=True)}
    bands = by_similarity(tested.records, similarity, metric)
    leaks = Canaries(note="answers are no JSON documents")
    if isinstance(task.output, JsonSchema):
        leaks = canaries(dataset.splits["train"], test, tested.records)
    return Retention(
        metric=metric,
        train=ours,
        test=theirs,
        gap=gap,
        loss_rose=rose,
        memorised=memorised(gap, rose=rose),
        by_similarity=bands,
        nearest_minus_farthest=nearest_minus_farthest(bands, metric),
        canaries=leaks,
    )


def _edited(
    session: Session,
    dataset: Dataset,
    task: Task,
    made: Made,
    training: Sequence[Example],
    trained: Evaluated,
    tested: Evaluated,
) -> tuple[Evaluated | None, tuple[counterfactual.Edit, ...]]:
    """Answer training documents in which one value was changed."""
    if not isinstance(task.output, JsonSchema):
        return None, ()
    seed = session.config.project.seed
    edits = counterfactual.edits(training, trained.records, tested.records, seed)[:EDITED]
    if not edits:
        return None, ()
    arm = Arm(
        name="tuned on edited documents",
        model=made.local.tuned_name,
        kind="tuned",
        local=True,
        constrained=True,
    )
    examples = tuple(edit.example for edit in edits)
    plan = local_plan(made.local, arm, examples, adapter=0, describe=False)._replace(is_look=False)
    return evaluate_one(session, dataset, task, "train", plan), edits


def _judged(
    edits: Sequence[counterfactual.Edit], before: Evaluated, after: Evaluated | None
) -> Counterfactuals:
    if after is None:
        return Counterfactuals(note="no document has a field whose value it states once")
    return counterfactual.judge(edits, before.records, after.records)


def _beside(session: Session, task: Task, local: Local, dataset: Dataset) -> dict[str, object]:
    """Return what the base and the tuned model say beside the task: skills, drift, adapter off.

    Two engines run one after the other: the base model alone, then the one that serves the tuned model.
    """
    questions = probes(session.config.project.seed, QUESTIONS)
    chosen = sample(dataset.splits["validation"], DRIFT_PROMPTS)
    on_task = [
        Request(
            messages=task.messages(example.input, attributes=example.attributes),
            max_tokens=DRIFT_TOKENS,
            top_logprobs=CANDIDATES,
        )
        for example in chosen
    ]
    general = [_asking(probe.questions[0].prompt, DRIFT_TOKENS, CANDIDATES) for probe in questions]
    alone = local.settings().model_copy(update={"gguf": local.base.gguf, "adapters": ()})
    with SharedEngine(alone, {}, on_restart=local.on_restart, note=local.note) as engine:
        model = engine.model("base", None)
        base = _answers(session, "base", questions, model)
        told = (
            _Told("task", on_task, [model.generate(request) for request in on_task]),
            _Told("general", general, [model.generate(request) for request in general]),
        )
    adapters = {} if local.adapter is None else {"tuned": local.adapter}
    with SharedEngine(local.settings(), adapters, on_restart=local.on_restart, note=local.note) as engine:
        name = next(iter(adapters), None)
        tuned = _answers(session, "tuned", questions, engine.model("tuned", name))
        client = engine.client(name)
        assert isinstance(client, LlamaCppModel)  # Local.here: the embedded engine
        drifts = _drifts(client, told)
        off = AdapterOff(note="the tuned model is a file of its own; that of the base model is unchanged")
        if name is not None:
            base_again = engine.model("off", None)
            asked = [base_again.generate(request) for one in told for request in one.requests]
            off = adapter_off([said for one in told for said in one.answers], asked)
    return {"probes": compare_skills(questions, base, tuned), "drift": drifts, "adapter_off": off}


def _asking(prompt: str, max_tokens: int, top_logprobs: int = 0) -> Request:
    message = Message(role="user", content=prompt)
    return Request(messages=(message,), max_tokens=max_tokens, top_logprobs=top_logprobs)


def _answers(session: Session, name: str, questions: Sequence[Probe], model: Model) -> dict[str, list[str]]:
    total = sum(len(probe.questions) for probe in questions)
    found: dict[str, list[str]] = {}
    done = 0
    for probe in questions:
        found[probe.name] = []
        for question in probe.questions:
            found[probe.name].append(model.generate(_asking(question.prompt, ANSWER_TOKENS)).text)
            done += 1
            session.display.progress(f"{name}: {probe.name}", done, total)
    return found


def _drifts(client: LlamaCppModel, sets: Sequence[_Told]) -> tuple[Drift, ...]:
    """Return the drift on each set of prompts, along the answers of the base model."""
    found = []
    for told in sets:
        places: list[NextTokens] = []
        for number, (request, said) in enumerate(zip(told.requests, told.answers, strict=True)):
            prompt = client.tokenize_prompt(request)
            for token in whole_tokens(said):
                if tuned := client.next_tokens(prompt, CANDIDATES):
                    places.append(NextTokens(number, dict(token.top), dict(tuned)))
                prompt.append(token.id)
        found.append(drift(told.name, places))
    return tuple(found)
