"""A gate on figures, as an expression: ``difference.low > -0.02 and outcome != "worse"``."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from insource.foundation.errors import UserError

_RELATIONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda value, choices: value in choices,
    ast.NotIn: lambda value, choices: value not in choices,
}

_ALLOWED = (
    *(ast.BoolOp, ast.And, ast.Or, ast.Not, ast.USub, ast.Compare, ast.cmpop),
    *(ast.Name, ast.Attribute, ast.Load, ast.List, ast.Tuple),
)


class _Unknown(Exception):
    """A value of the expression was not measured."""


def met(expression: str, values: Mapping[str, Any], *, texts: bool = True) -> bool | None:
    """Return whether figures meet an expression; None when a value that decides was not measured.

    Names are the keys of ``values``, with dots into nested ones (``difference.low``). There are comparisons,
    ``in`` with a list, ``and``, ``or``, ``not``, brackets, numbers and texts, and nothing else: an expression
    can call nothing. It names at least one value. ``texts=False``: no value is a text, so none is compared
    with one.

    Raises:
        UserError: ``gate-invalid``.

    Examples:
        >>> from insource.evaluation.gate import met
        >>> met("difference.low > -0.02", {"difference": {"low": -0.01}})
        True
        >>> met("p95_s < 1", {"p95_s": None}) is None
        True
    """
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise _invalid(expression, f"it cannot be read: {getattr(error, 'msg', error)}", values) from error
    _check(tree, values, expression)
    _about_values(tree, values, expression, texts=texts)
    try:
        return _truth(tree, values, expression)
    except (TypeError, ValueError) as error:
        raise _invalid(expression, str(error), values) from error


def _truth(node: ast.expr, values: Mapping[str, Any], expression: str) -> bool | None:
    """Evaluate with three values: what is unknown decides nothing that the rest decides already."""
    if isinstance(node, ast.BoolOp):
        parts = [_truth(part, values, expression) for part in node.values]
        decisive = isinstance(node.op, ast.Or)
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner = _truth(node.operand, values, expression)
        return None if inner is None else not inner
    if isinstance(node, ast.Compare):
        try:
            left = _value(node.left, values)
            for relation, right_node in zip(node.ops, node.comparators, strict=True):
                right = _value(right_node, values)
                if not _RELATIONS[type(relation)](left, right):
                    return False
                left = right
        except _Unknown:
            return None
        return True
    raise _invalid(expression, "it has to compare something, as in `difference.low > -0.02`", values)


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, values)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(part, values) for part in node.elts]
    if not isinstance(node, ast.Name | ast.Attribute):
        raise TypeError(f"`{ast.unparse(node)}` is no value; join comparisons with `and` and `or`")
    found = _named(node, values)
    if found is None:
        raise _Unknown
    if isinstance(found, Mapping):
        name = ast.unparse(node)
        raise TypeError(f"`{name}` is no number; name a part of it, such as `{name}.{next(iter(found))}`")
    return found


def _named(node: ast.expr, values: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return values[node.id]
    assert isinstance(node, ast.Attribute)
    inner = _named(node.value, values)
    return None if inner is None else inner[node.attr]


def _check(tree: ast.expr, values: Mapping[str, Any], expression: str) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
            continue
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            continue
        if not isinstance(node, _ALLOWED):
            raise _invalid(expression, f"`{ast.unparse(node)}` is not allowed", values)
        if isinstance(node, ast.cmpop) and type(node) not in _RELATIONS:
            raise _invalid(expression, "`is` is not allowed", values)
        if isinstance(node, ast.Name | ast.Attribute):
            try:
                _named(node, values)
            except (KeyError, TypeError, AssertionError) as error:
                raise _invalid(expression, f"there is no `{ast.unparse(node)}`", values) from error


def _about_values(tree: ast.expr, values: Mapping[str, Any], expression: str, *, texts: bool) -> None:
    """Refuse what would always be met, or never, whatever was measured."""
    nodes = list(ast.walk(tree))
    if not any(isinstance(node, ast.Name) for node in nodes):
        raise _invalid(expression, "it names no value", values)
    said = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if said and not texts:
        raise _invalid(expression, f"{said[0]!r} is a text, and every value here is a number", values)


def _invalid(expression: str, why: str, values: Mapping[str, Any]) -> UserError:
    names = [
        f"{name}.{part}" if part else name
        for name, value in values.items()
        for part in (value if isinstance(value, dict) and set(value) >= {"low", "high"} else ("",))
        if part in ("", "value", "low", "high") and not (not part and isinstance(value, dict | list | tuple))
    ]
    return UserError(
        "gate-invalid",
        f"The gate `{expression}` cannot be used: {why}.",
        hint=f"Compare values such as {', '.join(names)}; an example is `difference.low > -0.02`.",
    )
