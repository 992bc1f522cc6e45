"""The section ``[retrain]``."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class RetrainSection(Frozen):
    """``[retrain]``: when the model is made again, from what, and what becomes of the new one."""

    drift_alerts: int = Field(
        1, ge=0, description="Drift alerts since the last training that are a reason; 0 for none."
    )
    examples: int = Field(
        100,
        ge=0,
        description="Labels by people since the last training that are a reason; 0 for none.",
    )
    schema_change: bool = Field(
        True,
        description="Whether another instruction or output contract than in the last training is a reason.",
    )
    every_days: float = Field(
        0.0, ge=0, description="Age of the last training that is a reason (days); 0 for no calendar."
    )
    bases: tuple[str, ...] = Field(
        (),
        description="Base models to try once each as soon as they are at hand, where smaller than the "
        "champion's.",
    )
    from_traffic: bool = Field(
        True,
        description="Whether answers of the cloud and corrections in the log become rows, where rows come "
        "from elsewhere.",
    )
    labels: int = Field(
        50, ge=1, description="Documents that a cycle names to be labelled next, the most telling first."
    )
    promote: bool = Field(
        True,
        description="Whether a challenger that passes goes into shadow by itself; else it waits for you.",
    )
