"""Copy the modules that a module needs, and nothing else, under the name of another package.

The imports are read from the syntax tree, also those inside functions; what is imported for a type checker
alone is left out. A name that a package only passes on (``from insource.types import Task``) is imported from
the module that defines it, so that one name does not bring every module beside it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = "insource"


class Module(NamedTuple):
    """A module of ours: where its text is, and whether it is a package."""

    name: str
    path: Path
    is_package: bool


class Closure(NamedTuple):
    """``files``: paths in the new package → texts. ``needed``: third-party modules → who imports them."""

    files: dict[str, str]
    needed: dict[str, frozenset[str]]


def copied(start: Iterable[str], package: str, replaced: Mapping[str, Mapping[str, str]]) -> Closure:
    """Return the copies of the modules in ``start`` and of all that they need, as modules of ``package``.

    ``replaced`` maps a module to the top-level names whose value becomes another expression in its copy.

    Raises:
        ValueError: a module imports in a way that cannot be followed, such as ``import insource.types``.
    """
    waiting, files, needed = list(start), dict[str, str](), dict[str, set[str]]()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        module = _module(name)
        source = module.path.read_text(encoding="utf-8")
        text, ours, others = _rewritten(source, module, package, replaced.get(name, {}))
        files[_place(module)] = text
        waiting += ours
        for other in others:
            needed.setdefault(other, set()).add(name)
        for parent in _parents(name):
            files.setdefault(_place(Module(parent, Path(), is_package=True)), "")
    return Closure(
        dict(sorted(files.items())), {name: frozenset(who) for name, who in sorted(needed.items())}
    )


def _module(name: str) -> Module:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ValueError(f"there is no module {name}")
    return Module(name, Path(spec.origin), spec.submodule_search_locations is not None)


def _place(module: Module) -> str:
    inner = module.name.split(".")[1:]
    return "/".join([*inner, "__init__.py"]) if module.is_package else "/".join(inner) + ".py"


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


def _rewritten(
    source: str, module: Module, package: str, replaced: Mapping[str, str]
) -> tuple[str, set[str], set[str]]:
    """Return the text with our imports renamed, our modules that it needs, and the others' that it needs."""
    tree = ast.parse(source)
    edits: list[tuple[ast.stmt | ast.expr, str]] = [
        (node.value, replaced[name]) for name, node in _assigned(tree) if name in replaced and node.value
    ]
    ours, others = set[str](), set[str]()
    for_checker = {id(node) for block in _for_type_checkers(tree) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = {alias.name for alias in node.names}
            if any(_is_ours(name) for name in found):
                raise ValueError(f"{module.name}, line {node.lineno}: `import {ROOT}…` cannot be renamed")
            others |= found if id(node) not in for_checker else set()
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{module.name}, line {node.lineno}: a relative import cannot be followed")
            name = node.module or ""
            if _is_ours(name):
                places = [_place_of(name, alias) for alias in node.names]
                edits.append((node, "; ".join(_import(place, package) for place in places)))
                ours |= {place.module for place in places} if id(node) not in for_checker else set()
            elif id(node) not in for_checker:
                others.add(name)
    top = {name.partition(".")[0] for name in others} - set(sys.stdlib_module_names)
    return _edited(source, edits), ours, top


def _is_ours(name: str) -> bool:
    return name == ROOT or name.startswith(f"{ROOT}.")


def _for_type_checkers(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            yield from node.body


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.AnnAssign | ast.Assign]]:
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name):
            yield target.id, node


class _Imported(NamedTuple):
    """``module`` is loaded for ``name``; ``base`` is what stands after ``from``."""

    module: str
    base: str
    name: str
    asname: str | None


def _place_of(package: str, alias: ast.alias) -> _Imported:
    """Return where an imported name is defined: a submodule, a module behind the package, or itself."""
    module = _module(package)
    if module.is_package:
        submodule = f"{package}.{alias.name}"
        if find_spec(submodule) is not None:
            return _Imported(submodule, package, alias.name, alias.asname)
        for node in ast.parse(module.path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
                passed = next((one for one in node.names if (one.asname or one.name) == alias.name), None)
                if passed is not None:
                    asname = alias.asname or (alias.name if passed.name != alias.name else None)
                    return _place_of(node.module, ast.alias(passed.name, asname))
    return _Imported(package, package, alias.name, alias.asname)


def _import(place: _Imported, package: str) -> str:
    base = package + place.base.removeprefix(ROOT)
    return f"from {base} import {place.name}" + (f" as {place.asname}" if place.asname else "")


def _edited(source: str, edits: list[tuple[ast.stmt | ast.expr, str]]) -> str:
    """Return the text with these nodes replaced; everything else keeps its bytes."""
    text = source.encode()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, new in sorted(edits, key=lambda edit: (-edit[0].lineno, -edit[0].col_offset)):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        text = text[:begin] + new.encode() + text[end:]
    return text.decode()
