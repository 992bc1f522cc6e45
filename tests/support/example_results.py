"""Invented results for tests of whatever renders one. No figure here was measured anywhere."""

from __future__ import annotations

import json
import math

from insource.training.select.checkpoints import checkpoints_of, overfitting
from insource.types import (
    Arm,
    Assumption,
    BreakEven,
    Comparison,
    DatasetManifest,
    Disagreement,
    Estimate,
    Evaluation,
    FieldMetrics,
    JsonSchema,
    Labels,
    ParitySummary,
    Policy,
    RoutedCall,
    RoutingSummary,
    RunResult,
    StageRun,
    SweepTrial,
    TrainingPoint,
    TrainingSummary,
    Verdict,
)

PATHS = (
    "model_number",
    "power_requirements.voltage",
    "power_requirements.phase",
    "power_requirements.frequency",
    "power_requirements.amperage",
    "io_config.digital_inputs",
    "io_config.relay_outputs",
    "protocols[]",
    "warranty_years",
)
QUALITY = {"tuned": 0.953, "base constrained": 0.612, "base": 0.438, "cloud": 0.94}
HARDNESS = (0.6, 1.1, 0.2, 0.3, 1.4, 1.9, 2.6, 2.1, 0.7)


def share(value: float, n: int, method: str = "document mean, cluster-t by layout") -> Estimate:
    """A ratio with a made-up but plausible interval."""
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.004) / n)
    return Estimate(value=value, low=max(0.0, value - half), high=min(1.0, value + half), n=n, method=method)


def example_arm(name: str) -> Arm:
    kinds = {"tuned": "tuned", "base": "base", "base constrained": "base", "cloud": "simulated"}
    simulated = kinds[name] == "simulated"
    return Arm(
        name=name,
        model="fake/cloud" if simulated else "SmolLM2-135M-Instruct Q8_0",
        kind=kinds[name],
        constrained=name in ("tuned", "base constrained"),
        cost_per_1000_usd=30.0 if simulated else 0.52,
        cost_basis="published figure" if simulated else "amortised machine",
        assumed_latency_s=1.2 if simulated else None,
    )


def example_evaluation(name: str, n: int) -> Evaluation:
    quality = QUALITY[name]
    bad = 1 - quality
    metrics = {
        "field_accuracy": quality,
        "format_consistency": 1 - bad * 0.9,
        "hallucination_rate": bad * 0.8,
        "exact_match": max(0.0, 1 - bad * 4) if bad < 0.2 else 0.02,
        "all_null_floor": 0.181,
        "parse_rate": 1.0 if name != "base" else 0.71,
        "schema_valid_rate": 1.0 if name != "base" else 0.55,
        "precision": quality - 0.01,
        "recall": quality - 0.02,
        "f1": quality - 0.015,
    }
    fields = []
    for path, hardness in zip(PATHS, HARDNESS, strict=True):
        accuracy = max(0.0, 1 - bad * hardness)
        right = round(accuracy * n)
        empty = right // 6
        wrong, missed = (n - right) // 2, (n - right) // 3
        buckets = {"correct": right - empty, "correctly_empty": empty, "wrong": wrong, "missed": missed}
        buckets["invented"] = n - right - wrong - missed
        fields.append(FieldMetrics(path=path, accuracy=share(accuracy, n, "Wilson"), buckets=buckets))
    seen, unseen = {"field_accuracy": share(quality + 0.015, n // 2)}, {}
    unseen["field_accuracy"] = share(quality - 0.07, n - n // 2, "document mean, cluster-t over 8 layouts")
    simulated = name == "cloud"
    method = "assumed" if simulated else "order statistics, concurrency 1"
    p50, p95 = (1.2, 2.5) if simulated else (0.83, 1.41) if name == "tuned" else (1.62, 3.9)
    return Evaluation(
        arm=example_arm(name),
        split="test",
        n=n,
        scored=n,
        failed=0,
        unscored=0,
        metrics={key: share(value, n) for key, value in metrics.items()},
        fields=tuple(fields),
        slices={"seen groups": seen, "unseen groups": unseen},
        latency_s={
            key: Estimate(value=v)
            if simulated
            else Estimate(value=v, low=v * 0.93, high=v * 1.12, n=n, method=method)
            for key, v in (("p50", p50), ("p95", p95))
        },
    )


def example_comparison(baseline: str, difference: float, half: float, *, allowed: bool = True) -> Comparison:
    n = 40 if "base" in baseline else 100
    words = f"tuned has {difference * 100:+.1f} points of field accuracy against {baseline}"
    sentence = f"{words}: better." if allowed else f"{words}; no verdict is given against a simulated cloud."
    return Comparison(
        candidate="tuned",
        baseline=baseline,
        metric="field_accuracy",
        n=n,
        candidate_value=share(QUALITY["tuned"], n),
        baseline_value=share(QUALITY[baseline], n),
        difference=Estimate(
            value=difference,
            low=difference - half,
            high=difference + half,
            n=n,
            method="paired cluster-t by layout",
        ),
        better=round(n * 0.7),
        worse=round(n * 0.05),
        same=n - round(n * 0.7) - round(n * 0.05),
        p_value=0.0004 if allowed else None,
        test="sign test, exact",
        margin=0.02,
        outcome="better" if allowed else None,
        verdict_allowed=allowed,
        sentence=sentence,
    )


def example_training() -> TrainingSummary:
    curve = tuple(
        TrainingPoint(
            step=step,
            epoch=step / 95,
            loss=1.9 * math.exp(-step / 40) + 0.05 + 0.02 * math.sin(step),
            validation_loss=1.8 * math.exp(-step / 38) + 0.07 + max(0, step - 210) * 0.0008
            if step % 30 == 0
            else None,
        )
        for step in range(10, 281, 10)
    )
    scores = {30: 0.31, 60: 0.62, 90: 0.81, 120: 0.86, 150: 0.91, 180: 0.93, 210: 0.95, 240: 0.94, 270: 0.95}
    scored = tuple(
        TrainingPoint(step=step, epoch=step / 95, task_metric=example_score(value))
        for step, value in scores.items()
    )
    trials = tuple(
        SweepTrial(
            rung=0,
            learning_rate=rate,
            batch_size=batch,
            rows=160,
            validation_loss=0.9 - value / 2,
            score=example_score(value),
        )
        for rate, batch, value in ((3e-4, 16, 0.21), (3e-4, 4, 0.35), (1e-3, 16, 0.44), (1e-3, 4, 0.58))
    )
    return TrainingSummary(
        base_model="SmolLM2-135M-Instruct",
        examples=190,
        steps=280,
        planned_steps=285,
        epochs=2.95,
        tokens=143_210,
        tokens_per_s=252.0,
        best_step=210,
        best_validation_loss=0.0772,
        stopped="Validation loss rose twice in a row.",
        choices=(
            ("learning rate", "5e-4", "a small model and a rank of 16 take a high rate"),
            ("LoRA rank", "16", "the default; below 8 recall suffers on rare fields"),
        ),
        curve=(*curve, *scored),
        seconds=568.0,
        metric="field_accuracy",
        score=example_score(0.95),
        overfitting=overfitting(checkpoints_of(curve)),
        gap=Estimate(value=0.021, n=32, method="validation loss minus training loss"),
        trials=trials,
    )


def example_score(value: float) -> Estimate:
    """A task metric on 40 documents."""
    return Estimate(
        value=value, low=max(0.0, value - 0.09), high=min(1.0, value + 0.07), n=40, method="by document"
    )


def example_routing() -> RoutingSummary:
    return RoutingSummary(
        policy=Policy(
            threshold=0.914,
            basis="median",
            max_error=0.05,
            delta=0.1,
            calibration_n=24,
            expected_local_share=0.5,
            reason="24 calibration documents are too few for a guarantee at 5.0% with 90% confidence.",
        ),
        calls=(
            RoutedCall(
                call_id="0190-a", row_id="doc-0113", to="local", model="insource/tuned", reason="confident",
                confidence=0.981, simulated=False, answer='{"model_number":"XR-200"}',
            ),
            RoutedCall(
                call_id="0190-b", row_id="doc-0127", to="cloud", model="fake/cloud", reason="low-confidence",
                confidence=0.402, simulated=True, answer='{"model_number":"PLC-9"}',
            ),
        ),
    )  # fmt: skip


def example_disagreement(row_id: str = "doc-0127") -> Disagreement:
    gold = {
        "model_number": "PLC-9",
        "power_requirements": {"voltage": "480 V", "phase": 3},
        "protocols": ["Modbus TCP"],
    }
    tuned = gold | {"power_requirements": {"voltage": "480 V", "phase": None}}
    return Disagreement(
        row_id=row_id,
        input="PLC-9 compact controller\nSupply: 0.48 kV, three-phase\nFieldbus: Modbus TCP",
        target=json.dumps(gold),
        answers={
            "tuned": json.dumps(tuned),
            "base": "Sure! Here is the JSON you asked for: {model_number: PLC-9",
            "cloud": json.dumps(gold | {"warranty_years": 2}),
        },
        explanation="tuned missed power_requirements.phase; cloud invented warranty_years",
    )


def example_result(**changes: object) -> RunResult:
    """A complete run of the equipment demo, with any part replaced by keyword."""
    n = {"tuned": 100, "base constrained": 40, "base": 40, "cloud": 100}
    result = RunResult(
        insource_version="0.1.0",
        run_id="20260412T101530Z-run-3fa2c1",
        task="equipment",
        title="Technical specifications to JSON",
        started_at="2026-04-12T10:15:30Z",
        finished_at="2026-04-12T10:28:02Z",
        command="insource demo --seed 7",
        seed=7,
        machine="Linux x86_64, 2 cores, 8 GB",
        verdict=Verdict(
            outcome="go",
            sentence="The tuned model beats the prompted base model by 34 points and answers in 0.8 s.",
            reasons=("Better than the base model on 40 documents.", "Schema-valid on 100 of 100 documents."),
            flips_if=("Fewer than 8,400 documents a month.", "A real cloud above 97% field accuracy."),
        ),
        dataset=DatasetManifest(
            name="equipment",
            digest="3fa2c19b0d41" + "0" * 52,
            source="generated documents",
            read=352,
            counts={"train": 190, "validation": 30, "calibration": 24, "test": 100},
            dropped={"duplicate-row": 5, "schema-violation": 3},
            output=JsonSchema(definition={"type": "object"}),
            split_reason="Split by layout: eight whole layouts are kept for the test split.",
            simulated_models=("fake/cloud",),
            notes=("The key `category` was kept out.",),
        ),
        training=example_training(),
        parity=ParitySummary(
            prompts=8, tokens=412, token_agreement=1.0, mean_logprob_difference=0.003,
            prompt_tokens_equal=True, passed=True, sentence="412 of 412 tokens agree on 8 prompts.",
        ),
        evaluations=tuple(example_evaluation(name, count) for name, count in n.items()),
        comparisons=(
            example_comparison("base constrained", 0.341, 0.052),
            example_comparison("base", 0.515, 0.061),
            example_comparison("cloud", 0.013, 0.024, allowed=False),
        ),
        break_even=BreakEven(
            cloud_per_1000_usd=30.0,
            local_per_1000_usd=0.52,
            fixed_monthly_usd=248.0,
            documents_per_month=8412.0,
            capacity_documents_per_month=2_400_000.0,
            reason="the fixed cost is spread over the volume",
            sentence="Running locally pays from 8,412 documents a month on.",
            assumptions=(
                Assumption(name="cloud price", value=30.0, unit="USD per 1,000", source="published, assumed"),
                Assumption(name="machine", value=248.0, unit="USD a month", source="default"),
            ),
        ),
        routing=example_routing(),
        disagreements=(example_disagreement(), example_disagreement("doc-0131")),
        test_looks=1,
        stages=(
            StageRun(stage="dataset", run_id="20260412T101530Z-dataset-aa10", digest="aa10" * 3, seconds=3.2),
            StageRun(
                stage="train", run_id="20260412T101533Z-train-bb20", digest="bb20" * 3, seconds=9.0,
                skipped=True,
            ),
        ),
        paths={"report": ".insource/runs/20260412T101530Z-run-3fa2c1/report.html"},
        digests={"adapter": "91b0c4d2e7aa"},
        packages={"torch": "2.13.0", "trl": "1.16.1"},
    )  # fmt: skip
    return RunResult.model_validate({**dict(result), **changes})


def labels_result() -> RunResult:
    """A run that sorts tickets, with only a tuned arm and a cloud that was not measured."""
    whole = example_result()
    metrics = {name: share(0.91, 100) for name in ("accuracy", "macro_f1", "format_consistency")}
    tuned = whole.evaluations[0].model_copy(update={"metrics": metrics, "fields": (), "slices": {}})
    manifest = whole.dataset.model_copy(update={"output": Labels(names=("billing", "technical"))})
    ticket = Disagreement(
        row_id="t-9", input="My invoice is wrong", target="billing", answers={"tuned": "technical"}
    )
    return example_result(
        dataset=manifest,
        evaluations=(tuned,),
        comparisons=(),
        training=None,
        parity=None,
        routing=None,
        disagreements=(ticket,),
        skipped_arms={"cloud": "no cloud_outputs in the data"},
    )
