"""`[decision]`."""

from __future__ import annotations

from pydantic import Field

from insource.types import Frozen


class DecisionSection(Frozen):
    documents_per_month: float = Field(50_000, gt=0, description="Volume of the task (documents a month).")
    hardware_usd: float = Field(0, ge=0, description="Hardware to buy (US dollars); 0 for a machine at hand.")
    hardware_months: float = Field(36, gt=0, description="Months the hardware is written off over.")
    power_watts: float = Field(90, ge=0, description="Power drawn while working (watts).")
    kwh_usd: float = Field(0.25, ge=0, description="Price of electricity (US dollars a kWh).")
    engineering_usd_per_month: float = Field(
        400, ge=0, description="Running work: watching, retraining (US dollars a month)."
    )
