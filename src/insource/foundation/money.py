"""Money in US dollars: exact decimals in memory, integer nano-dollars in the store."""

from __future__ import annotations

from decimal import Decimal

NANO = Decimal(1_000_000_000)


def to_nano_usd(amount: Decimal | None) -> int | None:
    """What the store keeps; an unknown price stays unknown, never zero."""
    return None if amount is None else int((amount * NANO).to_integral_value())


def from_nano_usd(value: int | None) -> Decimal | None:
    """The stored integer as dollars."""
    return None if value is None else Decimal(value) / NANO


def show_usd(amount: Decimal | float | None) -> str:
    """``$30.00``, ``$0.0042``, or ``unknown``: two significant digits below ten cents."""
    if amount is None:
        return "unknown"
    value = float(amount)
    return f"${value:,.2f}" if abs(value) >= 0.1 or value == 0 else f"${Decimal(f'{value:.2g}'):f}"
