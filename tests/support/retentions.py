"""A run with what its tuned model memorised and forgot: figures made up for the page."""

from support.measured_runs import demo_run

from insource.types import Estimate, RunResult
from insource.types.retention import (
    AdapterOff,
    Canaries,
    Counterfactuals,
    Drift,
    ProbeResult,
    Retention,
    SimilarityBand,
)


def share(value, low, high, n=60):
    return Estimate(value=value, low=low, high=high, n=n, method="Wilson by document")


ABSENT = Estimate(value=None, method="not measured", note="this probe cannot detect a loss")


def retention(**changes) -> Retention:
    found = Retention(
        metric="field_accuracy",
        train=share(0.97, 0.95, 0.99),
        test=share(0.94, 0.91, 0.96),
        gap=share(0.03, -0.01, 0.07),
        by_similarity=(
            SimilarityBand(low=0.1, high=0.4, quality=share(0.9, 0.8, 0.96, 15)),
            SimilarityBand(low=0.5, high=0.9, quality=share(0.96, 0.9, 0.99, 15)),
        ),
        nearest_minus_farthest=share(0.06, -0.02, 0.14, 15),
        counterfactuals=Counterfactuals(
            documents=40,
            follows=share(0.95, 0.84, 0.99, 40),
            kept_old=share(0.0, 0.0, 0.07, 40),
            others_stay=share(0.99, 0.97, 1.0, 40),
        ),
        canaries=Canaries(values=310, rate=share(0.0, 0.0, 0.05)),
        drift=(
            Drift(
                prompts="task",
                nats=Estimate(value=1.2, low=0.9, high=1.5, n=190, method="t by group"),
                p99=Estimate(value=9.0, n=190, method="99th percentile over tokens"),
                same_first=share(0.4, 0.3, 0.5, 190),
                band="large: above what heavy quantisation changes",
            ),
        ),
        probes=(
            ProbeResult(
                probe="copying",
                base=share(0.9, 0.74, 0.97, 30),
                tuned=share(0.2, 0.1, 0.37, 30),
                difference=share(-0.7, -0.85, 0.0, 30),
                outcome="lost",
            ),
            ProbeResult(
                probe="sorting",
                base=share(0.03, 0.0, 0.17, 30),
                tuned=share(0.0, 0.0, 0.1, 30),
                difference=ABSENT,
                outcome="cannot detect",
            ),
        ),
        adapter_off=AdapterOff(same=share(1.0, 0.82, 1.0, 15), largest_difference=0.002),
    )
    return found.model_copy(update=changes)


def retained_run(n: int = 240) -> RunResult:
    """The demo's run with what its tuned model memorised and forgot."""
    return demo_run(n).model_copy(update={"retention": retention()})
