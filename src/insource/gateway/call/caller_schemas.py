"""Bound the work of checking an answer against a JSON Schema that a caller sent.

The validator holds the interpreter while it compiles and validates, so a schema that takes seconds would stop
every other call. References multiply: a schema of 1 KB can stand for more parts than can ever be visited.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import msgspec

MAX_BYTES = 1 << 16
# Of the schema with every reference written out. The largest strict schema of OpenAI has 5,000 properties.
MAX_PARTS = 50_000
# The costliest expressions that the validator accepts take about 15 ms each.
MAX_PATTERNS = 20
_ELSEWHERE = ("$dynamicRef", "$recursiveRef", "$id", "$anchor", "$dynamicAnchor")
_ARRAY_INDEX = re.compile(r"0|[1-9]\d*")


class CostlySchema(ValueError):
    """The schema is too large, refers to itself, or refers to what is not in it by its place."""


def require_cheap(schema: dict[str, Any]) -> None:
    """Check that a schema can be checked within milliseconds.

    Raises:
        CostlySchema: it cannot, or that cannot be told.
    """
    count = _Count(schema)
    try:
        if len(msgspec.json.encode(schema)) > MAX_BYTES:
            raise CostlySchema("the schema is too large")
        if count.parts(schema) > MAX_PARTS or count.patterns > MAX_PATTERNS:
            raise CostlySchema("the schema has too many parts or patterns")
    except RecursionError:
        raise CostlySchema("the schema is nested too deeply") from None


class _Count:
    """Counts the parts of a schema with every reference written out; each target is visited once."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.patterns = 0
        self._root = root
        self._known: dict[str, int | None] = {"#": None}  # None: its count is under way

    def parts(self, node: Any) -> int:
        if isinstance(node, list):
            return 1 + sum(self.parts(one) for one in node)
        if not isinstance(node, dict):
            return 1
        if any(isinstance(node.get(name), str) for name in _ELSEWHERE):
            raise CostlySchema("the schema refers to more than places in itself")
        patterns = node.get("patternProperties")
        self.patterns += isinstance(node.get("pattern"), str)
        self.patterns += len(patterns) if isinstance(patterns, dict) else 0
        reference = node.get("$ref")
        referred = self._referred(reference) if isinstance(reference, str) else 0
        return 1 + referred + sum(self.parts(value) for value in node.values())

    def _referred(self, reference: str) -> int:
        if reference not in self._known:
            self._known[reference] = None
            self._known[reference] = self.parts(self._target(reference))
        count = self._known[reference]
        if count is None:
            raise CostlySchema("the schema refers to itself")
        return count

    def _target(self, reference: str) -> Any:
        """Return what a JSON Pointer (RFC 6901) leads to."""
        start, _, rest = reference.partition("/")
        node: Any = self._root
        if start != "#":
            raise CostlySchema("the schema refers to another document")
        for step in rest.split("/"):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and name in node:
                node = node[name]
            elif isinstance(node, list) and _ARRAY_INDEX.fullmatch(name) and int(name) < len(node):
                node = node[int(name)]
            else:
                raise CostlySchema("the schema refers to a place that it does not have")
        return node
