"""Turn a record with Insource's own keys into a row, or name the reason why it is none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import ValidationError

from insource.dataset.rows.cloud_answers import answers_in
from insource.formats.strict_json import kind_of
from insource.types import CloudCall, Provenance, Row, Split

KEYS = (
    "id",
    "input",
    "output",
    "split",
    "group",
    "time",
    "attributes",
    "schema",
    "cloud_outputs",
    "cloud_calls",
    "latency_s",
    "prompt",
    "provenance",
    "confidence",
    "acceptable",
    "facts",
)
_ALIASES = {"val": "validation", "valid": "validation", "dev": "validation"}


class BadRow(ValueError):
    """A row that cannot become an example: the reason as a slug, and in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def row_id_of(record: Mapping[str, Any], line: int | None) -> str:
    """Return the record's ``id``, or a name after its line.

    Raises:
        BadRow: ``wrong-type``.
    """
    given = record.get("id")
    if given is None:
        return f"row-{line}"
    if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
        raise BadRow("wrong-type", f"`id` is {kind_of(given)}, not text or an integer")
    return str(given)


def row_of(
    record: dict[str, Any],
    *,
    line: int | None,
    source: str,
    schemas: Mapping[str, dict[str, Any]] | None = None,
    vouched: Mapping[str, Any] | None = None,
) -> Row:
    """Return the row of a record; keys beyond ``KEYS`` are not looked at.

    Args:
        line: where it stands in ``source``, counted from 1.
        schemas: JSON Schemas by the names that records may give as their ``schema``.
        vouched: fields of ``Provenance`` that hold for all records; a record's own come first.

    Raises:
        BadRow: with the key that is wrong.
    """
    try:
        cloud = answers_in(record.get("cloud_outputs"))
    except ValueError as error:
        raise BadRow("wrong-type", str(error)) from error
    return Row(
        line=line,
        row_id=row_id_of(record, line),
        input=_input(record),
        output=_output(record),
        split=_split(record.get("split")),
        group=_label(record, "group") or None,
        time=_label(record, "time"),
        attributes=_attributes(record),
        contract=_contract(record, schemas or {}),
        cloud_outputs={model: one.text for model, one in cloud.items() if not one.failure},
        cloud_failures={model: one.failure for model, one in cloud.items() if one.failure},
        cloud_latency_s=_latency(record, cloud),
        cloud_calls=_cloud_calls(record),
        prompt=_label(record, "prompt") or "",
        confidence=_confidence(record.get("confidence")),
        acceptable=_acceptable(record.get("acceptable")),
        facts=_facts(record.get("facts")),
        provenance=_provenance(record, source, line, vouched or {}),
    )


def _provenance(
    record: dict[str, Any], source: str, line: int | None, vouched: Mapping[str, Any]
) -> Provenance:
    """Return the record's own statement of its origin; source and line are set by the reader."""
    given = record.get("provenance")
    if given is None:
        return Provenance(**vouched, source=source, line=line)
    if not isinstance(given, dict):
        raise BadRow("wrong-type", f"`provenance` is {kind_of(given)}, not an object")
    try:
        origin = Provenance.model_validate({**vouched, **given, "source": source, "line": line})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRow("wrong-type", f"`provenance.{where}`: {first['msg']}") from error
    # Who names a model, and nobody who checked its answer, names a teacher.
    named = (origin.provider or origin.model) and not origin.human_edited
    if named and "label" not in origin.model_fields_set:
        return origin.model_copy(update={"label": "teacher"})
    return origin


def _input(record: dict[str, Any]) -> str:
    value = record.get("input")
    if value is None or (isinstance(value, str) and not value.strip()):
        raise BadRow("missing-input", "`input` is absent or empty")
    if not isinstance(value, str):
        raise BadRow("wrong-type", f"`input` is {kind_of(value)}, not text")
    return value


def _output(record: dict[str, Any]) -> str | dict[str, Any]:
    value = record.get("output")
    if value is None or (isinstance(value, str) and not value.strip()):
        raise BadRow("missing-output", "`output` is absent or empty")
    if not isinstance(value, str | dict):
        raise BadRow(
            "not-an-object", f"`output` is {kind_of(value)}, not an object, its JSON text, or a label"
        )
    return value


def _split(value: Any) -> Split | None:
    if value is None:
        return None
    name = _ALIASES.get(value.lower(), value.lower()) if isinstance(value, str) else value
    for split in get_args(Split):
        if name == split:
            found: Split = split
            return found
    raise BadRow(
        "unknown-split", f"`split` is {value!r}; known are {', '.join(get_args(Split))}, val, valid, dev"
    )


def _label(record: dict[str, Any], key: str) -> str | None:
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadRow("wrong-type", f"`{key}` is {kind_of(value)}, not text or a number")
    return str(value)


def _attributes(record: dict[str, Any]) -> tuple[str, ...] | None:
    value = record.get("attributes")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise BadRow("wrong-type", "`attributes` is not a list of field names")
    return tuple(value)


def _contract(record: dict[str, Any], schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    value = record.get("schema")
    if value is None or isinstance(value, dict):
        return value
    if not isinstance(value, str):
        raise BadRow("wrong-type", f"`schema` is {kind_of(value)}, not an object or a name")
    if value not in schemas:
        known = ", ".join(sorted(schemas)) or "none (no schemas file is given)"
        raise BadRow("unknown-schema", f"`schema` names {value!r}; known are {known}")
    return schemas[value]


def _cloud_calls(record: dict[str, Any]) -> dict[str, CloudCall]:
    value = record.get("cloud_calls")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRow("wrong-type", f"`cloud_calls` is {kind_of(value)}, not an object of calls by model")
    try:
        return {model: CloudCall.model_validate(value[model]) for model in sorted(value)}
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRow("wrong-type", f"`cloud_calls`, {where or 'a call'}: {first['msg']}") from error


def _latency(record: dict[str, Any], cloud: Iterable[str]) -> dict[str, float]:
    value = record.get("latency_s")
    if value is None:
        return {}
    by_model = value if isinstance(value, dict) else dict.fromkeys(cloud, value)
    for seconds in (value,) if not isinstance(value, dict) else by_model.values():
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not math.isfinite(seconds) or seconds < 0:
            raise BadRow("wrong-type", f"`latency_s` holds {seconds!r}, not seconds as a number from 0")
    return {model: float(by_model[model]) for model in sorted(by_model)}


def _confidence(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadRow("wrong-type", f"`confidence` is {value!r}, not a number from 0 to 1")
    return float(value)


def _acceptable(value: Any) -> dict[str, tuple[Any, ...]]:
    """Return further right values by path; a list alone is for a label or text, whose path is empty."""
    by_path = {"": value} if isinstance(value, list) else {} if value is None else value
    if not isinstance(by_path, dict) or not all(isinstance(one, list) for one in by_path.values()):
        raise BadRow("wrong-type", "`acceptable` is not a list of values, or an object of such lists by path")
    return {path: tuple(by_path[path]) for path in sorted(by_path)}


def _facts(value: Any) -> tuple[dict[str, Any], ...]:
    """Return each fact as an object with ``any_of``, the values of which one has to be in the answer."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise BadRow("wrong-type", f"`facts` is {kind_of(value)}, not a list")
    facts = []
    for one in value:
        fact = dict(one) if isinstance(one, dict) else {"value": one}
        values = fact.pop("any_of", None) or [fact.pop("value", None)]
        if not isinstance(values, list) or not all(_scalar(item) for item in values) or "value" in fact:
            raise BadRow(
                "wrong-type", f"the fact {one!r} has no `value` that is text or a number, or `any_of`"
            )
        facts.append({"any_of": values, **fact})
    return tuple(facts)


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip() != ""


def unknown_keys_note(unknown: Counter[str]) -> tuple[str, ...]:
    """One sentence about the keys that were not looked at, or none."""
    if not unknown:
        return ()
    counted = ", ".join(f"{' '.join(key.split())} ({count} rows)" for key, count in sorted(unknown.items()))
    return (f"Keys that Insource does not use were left out: {counted}.",)


def noted_sentences(noted: Counter[str]) -> tuple[str, ...]:
    """Return a note for each thing that was passed over or read as something else."""
    return tuple(f"{what}: {count:,}." for what, count in sorted(noted.items()))
