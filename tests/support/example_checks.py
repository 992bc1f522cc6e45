"""Checks of the monitor as examples: every part with something that moved."""

from datetime import UTC, datetime, timedelta

from insource.lifecycle.monitoring.alerts import alerts_of
from insource.types import Estimate
from insource.types.monitoring import (
    AuditedAgreement,
    Behaviour,
    Check,
    InputDrift,
    Quality,
    Shift,
    Window,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
PARTS = {
    "inputs": InputDrift(
        auroc=Estimate(value=0.71, low=0.66, high=0.76, n=2500), p_value=0.002, permutations=499, alpha=0.003,
        features=(Shift(name="digits", unit="ratio", reference=0.1, live=0.3, p_value=0.01, moved=True),),
        slices=(
            Shift(name="language: de", unit="ratio", reference=0.0, live=0.4, p_value=0.01, moved=True),
        ),
    ),
    "behaviour": Behaviour(
        alpha=0.003,
        shifts=(
            Shift(name="voltage is empty", unit="ratio", reference=0.1, live=0.5, p_value=0.001, moved=True),
            Shift(name="time of an answer", unit="seconds", reference=0.2, live=0.21, p_value=1, moved=False),
        ),
    ),
    "quality": Quality(
        estimate=Estimate(value=0.83, low=0.8, high=0.86, n=400), target=0.9, calibrated=True,
        counts="documents", alpha=0.003,
    ),
    "agreement": AuditedAgreement(
        wrong=Estimate(value=0.12, low=0.07, high=0.19, n=120), bound=0.05, log_evidence=20.0, above=True
    ),
}  # fmt: skip


def check(day=0, *, task="specs", **parts):
    at = START + timedelta(days=day)
    window = Window(source="calls", calls=500, first=at, last=at + timedelta(hours=1))
    reference = Window(source="earlier calls", calls=2000, first=START, last=START)
    skipped = {} if parts else {"inputs": "the log has no texts of these calls"}
    made = Check(
        task=task, version="specs@a", at=at, window=window, reference=reference, skipped=skipped, **parts
    )
    return made.model_copy(update={"alerts": alerts_of(made, ())})
