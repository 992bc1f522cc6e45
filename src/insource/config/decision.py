"""The section ``[decision]``."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class DecisionSection(Frozen):
    """``[decision]``: the assumptions behind break-even."""

    documents_per_month: float = Field(50_000, gt=0, description="Volume of the task (documents per month).")
    hardware_usd: float = Field(
        0, ge=0, description="Price of new hardware (US dollars); 0 for existing hardware."
    )
    hardware_months: float = Field(36, gt=0, description="Depreciation period of the hardware (months).")
    power_watts: float = Field(90, ge=0, description="Power draw under load (watts).")
    kwh_usd: float = Field(0.25, ge=0, description="Price of electricity (US dollars per kWh).")
    engineering_usd_per_month: float = Field(
        400, ge=0, description="Labour for monitoring and retraining (US dollars per month)."
    )
