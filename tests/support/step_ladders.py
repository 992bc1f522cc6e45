"""A run with the steps down of its tuned model: figures made up for the page."""

from support.measured_runs import demo_run

from insource.types import Estimate, RunResult
from insource.types.step_ladder import LadderStep, SeedRun, StepLadder


def share(value, low, high, n=100):
    return Estimate(value=value, low=low, high=high, n=n, method="t by document")


def seconds(value):
    return Estimate(value=value, low=value * 0.9, high=value * 1.2, n=100, method="order statistics")


def step(name, quality, size, speed, **more):
    low, high = quality - 0.03, min(1.0, quality + 0.02)
    return LadderStep(
        name=name,
        file_type=name,
        bytes=size * 1_000_000,
        memory_bytes=(size + 120) * 1_000_000,
        quality=share(quality, low, high),
        tokens_per_s=Estimate(value=speed, low=speed - 3, high=speed + 3, n=100, method="t by document"),
        p50_s=seconds(30 / speed),
        p95_s=seconds(50 / speed),
        **more,
    )


def step_ladder(**changes) -> StepLadder:
    steps = (
        step("full, F16", 0.95, 271, 40.0),
        step("lora, adapter on Q4_1", 0.94, 108, 55.0, above="full, F16",
             difference=share(-0.01, -0.03, 0.01), outcome="not worse"),
        step("F16", 0.94, 271, 41.0, above="lora, adapter on Q4_1",
             difference=share(0.0, -0.01, 0.01), outcome="not worse"),
        step("Q8_0", 0.938, 145, 60.0, above="F16",
             difference=share(-0.002, -0.02, 0.01), outcome="not worse"),
        step("Q4_K_M", 0.90, 105, 66.0, above="Q8_0", difference=share(-0.038, -0.06, -0.01),
             outcome="worse", note="The file is Q5_0, not Q4_K_M: the K-types pack 256 numbers of a row."),
    )  # fmt: skip
    made = StepLadder(
        metric="field_accuracy",
        split="validation",
        documents=100,
        margin=0.02,
        steps=steps,
        seeds=(
            SeedRun(seed=0, quality=share(0.94, 0.91, 0.96)),
            SeedRun(seed=1, quality=share(0.93, 0.9, 0.95)),
        ),
        absent={"qlora": "bitsandbytes needs CUDA."},
    )
    return made.model_copy(update=changes)


def stepped_run(n: int = 240) -> RunResult:
    """The demo's run with the steps down of its tuned model."""
    return demo_run(n).model_copy(update={"step_ladder": step_ladder()})
