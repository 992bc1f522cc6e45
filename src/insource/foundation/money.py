"""Money in US dollars: exact decimals in memory, integer nano-dollars in the store."""

from __future__ import annotations

from decimal import Decimal

NANO = Decimal(1_000_000_000)


def to_nano_usd(amount: Decimal | None) -> int | None:
    """Return dollars as integer nano-dollars for the store; an unknown amount stays None, never zero."""
    return None if amount is None else int((amount * NANO).to_integral_value())


def from_nano_usd(value: int | None) -> Decimal | None:
    """Return stored nano-dollars as dollars; None stays None."""
    return None if value is None else Decimal(value) / NANO


def show_usd(amount: Decimal | float | None) -> str:
    """Format an amount: ``$30.00``, ``$0.0042`` or ``unknown``.

    Amounts below ten cents get two significant digits.
    """
    if amount is None:
        return "unknown"
    value = float(amount)
    return f"${value:,.2f}" if abs(value) >= 0.1 or value == 0 else f"${Decimal(f'{value:.2g}'):f}"
