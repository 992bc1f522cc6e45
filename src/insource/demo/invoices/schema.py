"""The output contract of the invoices: eight fields, compared as the cloud was told to write them."""

from __future__ import annotations

from typing import Any

INSTRUCTION = "Extract the invoice fields as JSON."
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "PLN")


def _field(kind: str, about: str, *, nullable: bool = False, **more: Any) -> dict[str, Any]:
    return {"description": about, "type": [kind, "null"] if nullable else kind, **more}


def _text(about: str, compare: str, *, nullable: bool = False) -> dict[str, Any]:
    limits = {"minLength": 1, "maxLength": 80}
    return _field("string", about, nullable=nullable, **limits, **{"x-insource": {"compare": compare}})


PROPERTIES: dict[str, Any] = {
    "vendor_name": _text("Company that issued the invoice, with its legal form. Not the customer.", "text"),
    "invoice_number": _text("Number of the invoice as written, without a label or #.", "id"),
    "invoice_date": _field("string", "Date of the invoice.", format="date"),
    "due_date": _field(
        "string",
        "Day on which payment is due; invoice date plus the days of the terms (Net 30). null when absent.",
        nullable=True,
        format="date",
        **{"x-insource": {"derived": True}},
    ),
    "currency": _field("string", "Currency as ISO 4217 code.", enum=list(CURRENCIES)),
    "total_amount": _field("number", "Total with tax, before any payment that was already made."),
    "tax_amount": _field("number", "Tax of this invoice. null when no amount is stated.", nullable=True),
    "po_number": _text("Order number of the buyer as written. null when absent.", "id", nullable=True),
}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Invoice",
    "type": "object",
    "properties": PROPERTIES,
    "required": list(PROPERTIES),
    "additionalProperties": False,
}
