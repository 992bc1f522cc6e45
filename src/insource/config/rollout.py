"""The section ``[rollout]``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from insource.types import Frozen


class RolloutSection(Frozen):
    """``[rollout]``: how fast traffic moves to a new version, and what moves it back."""

    shares: tuple[float, ...] = Field(
        (0.01, 0.05, 0.25, 0.5, 1.0),
        description="Steps of the canary: the share of the calls that the new version answers (ratio).",
    )
    slo: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Wrong answers among those served locally that are accepted: differences from the "
        "cloud's answer to the same call, so the cloud's own errors count too (ratio). More than this, once "
        "shown, rolls back. Default: the bound that the version's policy promises.",
    )
    margin: float = Field(
        0.03,
        gt=0,
        lt=1,
        description="A step is taken once fewer than slo + margin are shown to be wrong (ratio).",
    )
    alpha: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="Probability of a wrong decision, whenever the evidence is looked at: a rollback at or "
        "below `slo`, or a promotion at or above slo + margin (ratio).",
    )
    audits_per_false_alarm: float = Field(
        100_000,
        ge=100,
        description="Audits of a healthy version at full traffic until it is withdrawn by mistake, at "
        "least, on average.",
    )
    audit_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the task's calls that are answered locally and by the cloud too, to compare "
        "(ratio). At small canary shares every answer of the new version is audited.",
    )
    doubtful_audits: float = Field(
        1.0,
        ge=1,
        description="How many times as often a doubtful answer is audited: one in the lower half between the "
        "policy's threshold and certainty. Its audits enter the evidence by their weight.",
    )
    audit_usd_per_day: float = Field(
        5.0,
        ge=0,
        description="Most money for audits a day; audits stop when it is spent, or where the price of the "
        "cloud's answers is unknown. `inf` for no limit (USD, UTC day).",
    )
    anchors_every_s: float = Field(
        86_400.0,
        gt=0,
        description="How often the anchors, rows that people labelled, are sent to the cloud (seconds).",
    )
    anchors_usd_per_day: float = Field(
        1.0, ge=0, description="Most money for anchors a day; they wait when it is spent (USD)."
    )
    on_cloud_trouble: Literal["tell", "serve-locally"] = Field(
        "tell",
        description="What a gateway does while the anchors say that the cloud moved, or the cloud answers no "
        "call: `tell` raises an alert; `serve-locally` also serves valid doubtful answers here, instead of "
        "asking the cloud, with the reason `cloud-moved`.",
    )
    shadow_share: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Share of the calls that a version in shadow also answers, for nobody to see (ratio).",
    )
    min_step_s: float = Field(600.0, ge=0, description="Shortest time at a step of the canary (seconds).")
    interval_s: float = Field(
        1.0, gt=0, description="How often a gateway reads the registry and weighs the evidence (seconds)."
    )
    max_failures: int = Field(
        5, gt=0, description="Failures of the local model among its last 50 calls that break the circuit."
    )
    max_invalid: int = Field(
        10,
        gt=0,
        description="Answers outside the contract or cut short among the last 100 that break the circuit.",
    )
    max_latency_s: float | None = Field(
        None, gt=0, description="95th percentile of a local answer's time that breaks the circuit (seconds)."
    )
    max_escalation_ratio: float = Field(
        2.0,
        gt=1,
        description="Odds of an escalation, as a multiple of the calibrated odds, that break the circuit "
        "(ratio).",
    )
    cool_down_s: float = Field(
        300.0, ge=0, description="Time before a version that was rolled back may be deployed again (seconds)."
    )

    @model_validator(mode="after")
    def _steps_rise_to_all(self) -> Self:
        rising = all(low < high for low, high in zip((0.0, *self.shares), self.shares, strict=False))
        if not self.shares or not rising or self.shares[-1] != 1.0:
            raise ValueError("shares must rise from above 0 to 1, such as [0.01, 0.05, 0.25, 0.5, 1.0]")
        if self.slo is not None and self.slo + self.margin >= 1:
            raise ValueError("slo + margin must be below 1")
        return self
