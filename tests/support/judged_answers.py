"""Answers of two fields with what their tokens said, and a learned confidence made by hand."""

import json
import math
from pathlib import Path

from insource.evaluation.stage import Evaluated
from insource.foundation.rng import generator
from insource.routing.fields.calibration import Calibration
from insource.routing.fields.features import FEATURES
from insource.routing.fields.habits import Habits
from insource.routing.fields.model import FILE, FieldConfidence
from insource.routing.fields.novelty import known_text
from insource.runs.folders import Run
from insource.types import (
    Arm,
    Completion,
    Estimate,
    EvalRecord,
    Evaluation,
    Example,
    JsonSchema,
    Score,
    Task,
    TokenEvidence,
)
from insource.types.confidence import ConfidenceFigures, ConfidenceSummary, ReliabilityBin

FIELD = {"type": ["string", "null"]}
TASK = Task(
    name="pairs",
    instruction="Extract a and b.",
    output=JsonSchema(definition={"type": "object", "properties": {"a": FIELD, "b": FIELD}}),
)


def judged_answers(n, split, *, wrong=0.15, by_tokens=True, label="checked", groups=20, elsewhere=True):
    """``n`` examples of a split, and the records of an arm that got some of the values wrong.

    A wrong value does not stand in its document (``elsewhere``), and its tokens were a little less sure.
    """
    rng = generator(0, f"judged_answers.{split}")
    examples, records = [], []
    for number in range(n):
        target = {field: f"{field}{number}x" for field in "ab"}
        right = (rng.uniform(size=2) > wrong).tolist()
        others = dict(zip("ab", ["elsewhere"] * 2 if elsewhere else [target["b"], target["a"]], strict=True))
        answer = {f: target[f] if good else others[f] for f, good in zip("ab", right, strict=True)}
        sures = [float(rng.uniform(0.6, 1.0) if good else rng.uniform(0.4, 0.9)) for good in right]
        evidence = {
            f: TokenEvidence(branches=1, least=math.log(p), mean=math.log(p), first=math.log(p))
            for f, p in zip("ab", sures, strict=True)
        }
        row = f"{split}-{number}"
        examples.append(
            Example(
                row_id=row,
                digest=row,
                input=f"value {target['a']} and {target['b']}",
                target=json.dumps(target),
                group=f"{split}-group-{number % groups}",
                provenance={"source": "rows.jsonl", "label": label},
            )
        )
        completion = Completion(
            text=json.dumps(answer),
            confidence=math.prod(sures),
            field_confidences=dict(zip("ab", sures, strict=True)),
            field_evidence=evidence if by_tokens else {},
        )
        slots = [
            {"path": f, "bucket": "correct" if good else "wrong", "predicted": answer[f]}
            for f, good in zip("ab", right, strict=True)
        ]
        known = dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
        score = Score.model_validate({"slots": slots, "exact": all(right), "answer": answer} | known)
        records.append(
            EvalRecord(
                row_id=row,
                group=examples[-1].group,
                status="scored",
                completion=completion,
                score=score,
                confidence=completion.confidence,
            )
        )
    return tuple(examples), tuple(records)


def evaluated_of(records, split, name="tuned"):
    """The evaluation that holds these records."""
    n = len(records)
    evaluation = Evaluation(
        arm=Arm(name=name, model=name, kind="tuned", local=True),
        split=split,
        n=n,
        scored=n,
        failed=0,
        unscored=0,
        metrics={},
        fields=(),
    )
    run = Run(stage="evaluate", run_id=split, path=Path(split), manifest={"key": f"{split}-{n}"})
    return Evaluated(run, evaluation, tuple(records))


def halving(task="teams"):
    """A learned confidence that halves the log odds which a model states."""
    weights = [0.5 if name == "own" else 0.0 for name in FEATURES]
    return FieldConfidence(
        task=task,
        arm="tfidf",
        documents={"validation": 40},
        labels={"gold": 40},
        fields=40,
        wrong=12,
        learner="made by hand",
        center=(0.0,) * len(FEATURES),
        scale=(1.0,) * len(FEATURES),
        weights=tuple(weights),
        intercept=0.0,
        calibration=Calibration(slope=1.0, intercept=0.0),
        known=known_text(["The invoice is wrong."]),
        habits=Habits(),
    )


def figures(n=120):
    """Figures of a confidence, as a test split gives them."""
    sure = Estimate(value=0.95, low=0.9, high=0.98, n=n, method="document bootstrap")
    return ConfidenceFigures(
        n=n,
        wrong=9,
        documents=60,
        auroc=sure,
        aurc=sure,
        calibration_error=sure,
        brier=sure,
        accuracy_at_80=sure,
        reliability=(
            ReliabilityBin(confidence=0.7, right=sure.model_copy(update={"value": 0.65}), n=60),
            ReliabilityBin(confidence=0.97, right=sure, n=60),
        ),
    )


def summary_of(confidence):
    """What a run says of a learned confidence."""
    return ConfidenceSummary(
        digest=confidence.digest,
        learner=confidence.learner,
        curve="platt",
        labels=confidence.labels,
        fitted_on=confidence.documents,
        certifying=150,
        reason="The confidence was learned on 40 fields.",
        fields=figures(),
        answers=figures(60),
        by_field={"a": figures(60), "b": figures(60)},
        stated=figures(),
    )


def kept(folder, confidence):
    """Write the learned confidence as a run keeps it; return its file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(confidence.model_dump_json())
    return folder / FILE
