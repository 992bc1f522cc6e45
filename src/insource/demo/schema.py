"""The output contract of the demo: a technical specification as JSON.

The order of the properties is the order of the output. ``x-insource`` sets how a field is compared: ``480 V``
and ``0.48 kV`` are the same quantity, and protocols are a set.
"""

from __future__ import annotations

from typing import Any

from insource.demo.vocabulary import PROTOCOLS

INSTRUCTION = "Extract the specification as JSON."


def _quantity(unit: str) -> dict[str, Any]:
    return {
        "type": ["string", "null"],
        "pattern": rf"^[0-9]+(\.[0-9]+)? {unit}$",
        "maxLength": 12,
        "x-insource": {"compare": "quantity", "unit": unit},
    }


def _count(maximum: int) -> dict[str, Any]:
    return {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": maximum,
        "x-insource": {"compare": "integer"},
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Technical specification",
    **_object(
        {
            "model_number": {
                "type": ["string", "null"],
                "minLength": 3,
                "maxLength": 24,
                "x-insource": {"compare": "id"},
            },
            "power_requirements": _object(
                {
                    "voltage": _quantity("V"),
                    "phase": {
                        "type": ["string", "null"],
                        "enum": ["1-phase", "3-phase", None],
                        "x-insource": {"compare": "enum"},
                    },
                    "frequency": _quantity("Hz"),
                    "amperage": _quantity("A"),
                }
            ),
            "io_config": _object({"digital_inputs": _count(512), "relay_outputs": _count(128)}),
            "protocols": {
                "type": ["array", "null"],
                "items": {"type": "string", "enum": list(PROTOCOLS), "x-insource": {"compare": "enum"}},
                "minItems": 1,
                "maxItems": 4,
                "x-insource": {"list": "set"},
            },
            "warranty_years": _count(20),
        }
    ),
}
