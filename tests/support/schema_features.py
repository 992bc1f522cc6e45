"""Every feature of JSON Schema, draft 2020-12: a value that fits, one that does not, and what is left out."""

from typing import Any, NamedTuple

DAY = {"type": "string", "format": "date"}
VOLTS = {"type": "string", "maxLength": 9, "x-insource": {"compare": "quantity"}}
DAYS, TEXT = "2024-03-01", "480 V"


class Feature(NamedTuple):
    """``named`` has the limits, as part and keyword; ``kind`` is the comparator of the only filled leaf."""

    schema: dict[str, Any]
    good: Any
    bad: Any
    kind: str | None = None
    named: tuple[tuple[str, str], ...] = ()


def at_v(schema: dict[str, Any], **beside: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"v": schema}, "additionalProperties": False, **beside}


def not_in_the_grammar(*keywords: str) -> tuple[tuple[str, str], ...]:
    return tuple(("grammar", keyword) for keyword in keywords)


FEATURES = {
    # Structure and references
    "true": Feature(at_v(True), {"v": TEXT}, [], "text"),
    "false": Feature(at_v(False), {}, {"v": TEXT}),
    "$ref": Feature(at_v({"$ref": "#/$defs/d"}, **{"$defs": {"d": DAY}}), {"v": DAYS}, {"v": "x"}, "date"),
    "$ref with siblings": Feature(
        at_v({"$ref": "#/$defs/d", "maxLength": 3}, **{"$defs": {"d": VOLTS}}),
        {"v": "4 V"},
        {"v": TEXT},
        "quantity",
    ),
    "$anchor": Feature(
        at_v({"$ref": "#day"}, **{"$defs": {"d": {"$anchor": "day", **DAY}}}), {"v": DAYS}, {"v": "x"}, "date"
    ),
    "$id": Feature(
        at_v({"$ref": "day"}, **{"$id": "https://e.org/x", "$defs": {"d": {"$id": "day", **DAY}}}),
        {"v": DAYS},
        {"v": "x"},
        "date",
    ),
    "$dynamicRef": Feature(
        at_v({"$dynamicRef": "#d"}, **{"$defs": {"d": {"$dynamicAnchor": "d", **DAY}}}),
        {"v": DAYS},
        {"v": "x"},
        "date",
    ),
    # Applicators
    "allOf": Feature(
        {"allOf": [{"type": "object", "required": ["v"]}, {"properties": {"v": DAY}}]},
        {"v": DAYS},
        {"v": "x"},
        "date",
    ),
    "anyOf": Feature(at_v({"anyOf": [{"type": "integer"}, DAY]}), {"v": DAYS}, {"v": True}, "date"),
    "oneOf, exclusive": Feature(
        at_v({"oneOf": [{"type": "integer"}, DAY]}), {"v": DAYS}, {"v": True}, "date"
    ),
    "oneOf, overlapping": Feature(
        at_v(
            {
                "oneOf": [
                    {"type": "string", "maxLength": 3},
                    {"type": "string", "minLength": 3, "maxLength": 9},
                ]
            }
        ),
        {"v": TEXT},
        {"v": "abc"},
        "text",
        not_in_the_grammar("oneOf"),
    ),
    "not": Feature(
        at_v({**VOLTS, "not": {"const": "x"}}), {"v": TEXT}, {"v": "x"}, "quantity", not_in_the_grammar("not")
    ),
    "if, then, else": Feature(
        at_v({"if": {"minLength": 5}, "then": VOLTS, "else": {"maxLength": 1}, "type": "string"}),
        {"v": TEXT},
        {"v": "xx"},
        "quantity",
        not_in_the_grammar("else", "if", "then"),
    ),
    "dependentSchemas": Feature(
        {"type": "object", "dependentSchemas": {"v": {"properties": {"v": VOLTS}}}},
        {"v": TEXT},
        {"v": 1},
        "quantity",
        not_in_the_grammar("dependentSchemas"),
    ),
    "properties": Feature(at_v(VOLTS), {"v": TEXT}, {"v": 1}, "quantity"),
    "patternProperties": Feature(
        {"type": "object", "patternProperties": {"^v$": VOLTS}, "additionalProperties": False},
        {"v": TEXT},
        {"w": TEXT},
        "quantity",
    ),
    "patternProperties, overlapping": Feature(
        {
            "type": "object",
            "patternProperties": {"^v": VOLTS, "v$": {"minLength": 2}},
            "additionalProperties": False,
        },
        {"v": TEXT},
        {"w": TEXT},
        "quantity",
        not_in_the_grammar("additionalProperties", "patternProperties"),
    ),
    "additionalProperties": Feature(
        {"type": "object", "additionalProperties": VOLTS}, {"v": TEXT}, {"v": 1}, "quantity"
    ),
    "propertyNames": Feature(
        {"type": "object", "additionalProperties": VOLTS, "propertyNames": {"maxLength": 1}},
        {"v": TEXT},
        {"vv": TEXT},
        "quantity",
        not_in_the_grammar("propertyNames"),
    ),
    "items": Feature(at_v({"type": "array", "items": VOLTS}), {"v": [TEXT]}, {"v": [1]}, "quantity"),
    "prefixItems": Feature(
        at_v({"type": "array", "prefixItems": [VOLTS], "items": False}),
        {"v": [TEXT]},
        {"v": [TEXT, TEXT]},
        "quantity",
    ),
    "contains": Feature(
        at_v({"type": "array", "items": VOLTS, "contains": {"const": TEXT}}),
        {"v": [TEXT]},
        {"v": ["x"]},
        "quantity",
        not_in_the_grammar("contains"),
    ),
    "unevaluatedProperties": Feature(
        {"type": "object", "properties": {"v": VOLTS}, "unevaluatedProperties": False},
        {"v": TEXT},
        {"w": 1},
        "quantity",
        not_in_the_grammar("unevaluatedProperties"),
    ),
    "unevaluatedProperties, a schema": Feature(
        {"type": "object", "unevaluatedProperties": VOLTS},
        {"v": TEXT},
        {"v": 1},
        "quantity",
        not_in_the_grammar("unevaluatedProperties"),
    ),
    "unevaluatedItems": Feature(
        at_v({"type": "array", "prefixItems": [VOLTS], "unevaluatedItems": False}),
        {"v": [TEXT]},
        {"v": [TEXT, 1]},
        "quantity",
        not_in_the_grammar("unevaluatedItems"),
    ),
    # Validation
    "type": Feature(at_v({"type": ["integer", "null"]}), {"v": 1}, {"v": "1"}, "integer"),
    "enum": Feature(at_v({"enum": ["a", "b"]}), {"v": "a"}, {"v": "c"}, "enum"),
    "enum of numbers and texts": Feature(at_v({"enum": [1, "1"]}), {"v": "1"}, {"v": 2}, "exact"),
    "const": Feature(at_v({"const": "a"}), {"v": "a"}, {"v": "b"}, "enum"),
    "multipleOf": Feature(at_v({"type": "number", "multipleOf": 5}), {"v": 15.0}, {"v": 7}, "number"),
    "minimum": Feature(at_v({"type": "number", "minimum": 0}), {"v": 1e-7}, {"v": -1}, "number"),
    "maximum": Feature(at_v({"type": "number", "maximum": 0}), {"v": -1e-7}, {"v": 1}, "number"),
    "exclusiveMinimum": Feature(
        at_v({"type": "number", "exclusiveMinimum": 0}), {"v": 3e-5}, {"v": 0}, "number"
    ),
    "exclusiveMaximum": Feature(
        at_v({"type": "number", "exclusiveMaximum": 1}), {"v": 0.5}, {"v": 1}, "number"
    ),
    "bounds beyond the engine": Feature(
        at_v({"type": "number", "minimum": 0, "maximum": 1e22}),
        {"v": 1e22},
        {"v": 1e23},
        "number",
        not_in_the_grammar("maximum", "minimum"),
    ),
    "a step that is too fine for the engine": Feature(
        at_v({"type": "number", "multipleOf": 0.123456789}),
        {"v": 0.123456789},
        {"v": 0.1},
        "number",
        not_in_the_grammar("multipleOf"),
    ),
    "a count with a point": Feature(
        at_v({"type": "string", "maxLength": 2.0}), {"v": "ab"}, {"v": "abc"}, "text"
    ),
    "minLength": Feature(at_v({"type": "string", "minLength": 2}), {"v": "ab"}, {"v": "a"}, "text"),
    "maxLength": Feature(at_v({"type": "string", "maxLength": 2}), {"v": "😀😀"}, {"v": "abc"}, "text"),
    "pattern": Feature(at_v({"type": "string", "pattern": "^[A-Z]+$"}), {"v": "AB"}, {"v": "ab"}, "text"),
    "pattern with look-ahead": Feature(
        at_v({"type": "string", "pattern": "^(?!X)[A-Z]+$"}),
        {"v": "AB"},
        {"v": "XB"},
        "text",
        not_in_the_grammar("pattern"),
    ),
    "minItems": Feature(
        at_v({"type": "array", "items": VOLTS, "minItems": 1}), {"v": [TEXT]}, {"v": []}, "quantity"
    ),
    "maxItems": Feature(
        at_v({"type": "array", "items": VOLTS, "maxItems": 1}), {"v": [TEXT]}, {"v": ["1", "2"]}, "quantity"
    ),
    "uniqueItems": Feature(
        at_v({"type": "array", "items": VOLTS, "uniqueItems": True}),
        {"v": [TEXT]},
        {"v": [TEXT, TEXT]},
        "quantity",
        not_in_the_grammar("uniqueItems"),
    ),
    "minContains": Feature(
        at_v(
            {"type": "array", "items": VOLTS, "contains": {"const": TEXT}, "minContains": 1, "maxContains": 1}
        ),
        {"v": [TEXT]},
        {"v": [TEXT, TEXT]},
        "quantity",
        not_in_the_grammar("contains", "maxContains", "minContains"),
    ),
    "required": Feature(
        {"type": "object", "properties": {"v": VOLTS}, "required": ["v"]}, {"v": TEXT}, {}, "quantity"
    ),
    "dependentRequired": Feature(
        {"type": "object", "properties": {"v": VOLTS}, "dependentRequired": {"w": ["v"]}},
        {"v": TEXT},
        {"w": 1},
        "quantity",
        not_in_the_grammar("dependentRequired"),
    ),
    "minProperties": Feature({"type": "object", "minProperties": 1}, {"v": TEXT}, {}, "text"),
    "maxProperties": Feature(
        {"type": "object", "maxProperties": 1}, {"v": TEXT}, {"v": "a", "w": "b"}, "text"
    ),
    "minProperties with optional properties": Feature(
        {"type": "object", "properties": {"v": VOLTS}, "minProperties": 1},
        {"v": TEXT},
        {},
        "quantity",
        not_in_the_grammar("minProperties"),
    ),
    "format": Feature(at_v(DAY), {"v": DAYS}, {"v": "2024-02-30"}, "date"),
    "format of nobody": Feature(
        at_v({"type": "string", "format": "weekday"}),
        {"v": "Monday"},
        {"v": 1},
        "text",
        (("grammar", "format"), ("validation", "format: weekday")),
    ),
    # Annotations judge no value
    "annotations": Feature(
        at_v(
            {
                **VOLTS,
                "title": "t",
                "description": "d",
                "default": 1,
                "examples": [1],
                "deprecated": True,
                "readOnly": True,
                "writeOnly": True,
                "$comment": "c",
                "contentEncoding": "base64",
                "contentMediaType": "text/plain",
                "contentSchema": {},
            }
        ),
        {"v": TEXT},
        {"v": 1},
        "quantity",
    ),
    # Beside the standard
    "nullable": Feature(at_v({**VOLTS, "nullable": True}), {"v": TEXT}, {"v": 1}, "quantity"),
    "a misspelt keyword": Feature(
        at_v({**VOLTS, "maxLenght": 3}), {"v": TEXT}, {"v": 1}, "quantity", (("schema", "maxLenght"),)
    ),
}
