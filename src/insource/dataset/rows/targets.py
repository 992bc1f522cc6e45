"""Compute the target of a row under the output contract, or the reason why its label does not fit."""

from __future__ import annotations

from typing import Any

from insource.contract.asked import for_asked
from insource.contract.canonical_form import canonical_target
from insource.contract.places import place_of
from insource.contract.reasoning_field import trained_text
from insource.contract.resolved import InvalidSchema
from insource.contract.validate import violations
from insource.contract.writable import unwritable
from insource.dataset.rows.records import BadRow
from insource.formats.strict_json import as_object, strict_json
from insource.foundation.errors import ConfigError, DataError
from insource.matching.acceptable import replaced
from insource.matching.comparators import KEYWORD
from insource.matching.confirmed import paths_of
from insource.matching.declared import check_declared
from insource.types import AbsentFields, Dropped, JsonSchema, Labels, OutputSpec, Row


class Targets:
    """What each row's label comes to, as training teaches it and the grammar accepts it."""

    def __init__(self, contract: OutputSpec, absent: AbsentFields) -> None:
        self._contract = contract
        self._absent = absent
        self._names = frozenset(contract.names) if isinstance(contract, Labels) else None

    def of(self, row: Row) -> str:
        """Return the canonical target.

        Raises:
            BadRow: the label does not fit.
        """
        schema = row.contract
        if schema is not None:
            _check_own(schema)
            self._check_reasoning(schema)
        for fact in row.facts:
            _check_own({KEYWORD: {name: value for name, value in fact.items() if name != "any_of"}})
        if schema is None and isinstance(self._contract, JsonSchema):
            schema = self._contract.definition
        if schema is not None:
            target = _json_target(row, schema, self._absent)
            _check_acceptable(row, target, schema)
            return target
        if set(row.acceptable) - {""} or not all(isinstance(one, str) for one in row.acceptable.get("", ())):
            raise BadRow(
                "wrong-type", f"`acceptable` is not a list of texts, but answers are {self._contract.kind}"
            )
        if not isinstance(row.output, str):
            raise BadRow("wrong-type", f"`output` is an object, but answers are {self._contract.kind}")
        text = row.output.strip()
        if self._names is not None and text not in self._names:
            raise BadRow("unknown-label", f"{text[:80]!r} is not one of the {len(self._names)} labels")
        return text

    def _check_reasoning(self, own: dict[str, Any]) -> None:
        """Refuse a row's own field by the name that is dropped from every answer as reasoning."""
        reasoning = self._contract.reasoning if isinstance(self._contract, JsonSchema) else None
        if reasoning and reasoning.name in own.get("properties", {}):
            raise BadRow("invalid-schema", f"{reasoning.name!r} is the task's reasoning, not a field")

    def misfit(self, row: Row) -> Dropped | None:
        """Return why the row is left out, or None when its label fits and the grammar can write it."""
        try:
            target = self.of(row)
            written = trained_text(target, row.reasoning, self._contract)
            if stopped := unwritable(written, self._contract_of(row)):
                raise BadRow("unwritable-label", stopped)
        except BadRow as bad:
            return Dropped(row_id=row.row_id, line=row.line, reason=bad.reason, detail=bad.detail)
        return None

    def _contract_of(self, row: Row) -> OutputSpec | dict[str, Any]:
        if row.contract is not None:
            return row.contract
        return self._contract.generated if isinstance(self._contract, JsonSchema) else self._contract


def check_contract(contract: OutputSpec) -> None:
    """Refuse a contract that no answer can keep.

    Raises:
        DataError: ``invalid-schema``.
        ConfigError: ``unknown-comparator``.
    """
    problem = ""
    if isinstance(contract, JsonSchema):
        check_declared(contract.definition)
        try:
            types = place_of(contract.definition).types
        except InvalidSchema as error:
            problem = str(error)
        else:
            if types and "object" not in types:
                problem = f"its type is {' or '.join(sorted(types))}; an answer is an object"
    elif isinstance(contract, Labels) and (
        not contract.names or not all(n == n.strip() != "" for n in contract.names)
    ):
        problem = "the list of labels is empty, or one of them is empty or has white space around it"
    if problem:
        raise DataError(
            "invalid-schema",
            f"The output contract of the task is not valid: {problem}.",
            hint="Correct the schema or the labels that `[task]` names in insource.toml.",
        )


def _check_own(schema: dict[str, Any]) -> None:
    try:
        check_declared(schema)
    except ConfigError as error:
        raise BadRow("invalid-schema", error.message) from error


def _json_target(row: Row, schema: dict[str, Any], absent: AbsentFields) -> str:
    value = as_object(row.output)
    if value is None:
        raise BadRow("not-an-object", f"`output` {_why_no_object(str(row.output))}")
    try:
        schema = for_asked(schema, row.attributes)
        target = canonical_target(value, schema, fill_null=absent == "null", asked=row.attributes)
        problems = violations(strict_json(target), schema)
    except InvalidSchema as error:
        raise BadRow("invalid-schema", f"the row's own schema is not valid: {error}") from error
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadRow("schema-violation", problems[0] + more)
    return target


def _check_acceptable(row: Row, target: str, schema: dict[str, Any]) -> None:
    """Every acceptable value has to fit in the place of the label's own."""
    schema = for_asked(schema, row.attributes) if row.acceptable else schema
    known = frozenset(paths_of(schema)) if row.acceptable else frozenset()
    for path, values in row.acceptable.items():
        label = strict_json(target)
        if path not in known or "[]" in path:
            raise BadRow("wrong-type", f"`acceptable` names {path!r}, which is no field outside of a list")
        for value in values:
            if problems := violations(replaced(label, path, value), schema):
                raise BadRow("schema-violation", f"an acceptable value of {path}: {problems[0]}")


def _why_no_object(text: str) -> str:
    try:
        strict_json(text)
    except ValueError as error:
        return f"is not the JSON text of an object: {error}"
    return "is JSON, but not an object"
