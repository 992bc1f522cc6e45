"""Small modules, plain names, and output only where a person asked for it."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "insource"
MODULES = sorted(SOURCE.rglob("*.py"))
FILE_LINES, FUNCTION_LINES = 400, 45
FILES_BESIDE_FOLDERS = 15
# These names say nothing about what is inside, so everything ends up there.
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils", "tools", "shared"}


def name(path):
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_read_in_one_sitting(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert lines_of(node) <= FUNCTION_LINES, f"{node.name} has {lines_of(node)} lines"


def lines_of(node):
    """The lines of a function, its docstring aside: an explanation must not cost code."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return node.end_lineno - node.lineno + 1 - docstring


def test_the_root_holds_the_story_alone():
    assert sorted(path.name for path in SOURCE.glob("*.py")) == ["__init__.py", "pipeline.py"]


def test_a_folder_with_rooms_keeps_few_files_beside_them():
    """Files beside sub-folders are where a package grows without a plan; ``cli/`` has one file a verb."""
    for folder in {path.parent for path in MODULES} - {SOURCE / "cli"}:
        beside = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        if any((child / "__init__.py").exists() for child in folder.iterdir()):
            assert len(beside) <= FILES_BESIDE_FOLDERS, name(folder)


def test_no_package_is_an_empty_shell():
    for folder in {path.parent for path in MODULES}:
        assert any(path.name != "__init__.py" for path in folder.rglob("*.py")), name(folder)


def test_modules_are_named_after_what_they_hold():
    assert {path.stem for path in MODULES} & BANNED == set()
    assert {path.parent.name for path in MODULES} & BANNED == set()


@pytest.mark.parametrize("path", [path for path in MODULES if path.stat().st_size], ids=name)
def test_a_module_says_what_it_is(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.relative_to(SOURCE).parts[0] != "cli"], ids=name
)
def test_only_the_command_line_prints(path):
    """Standard output belongs to results; a library that prints breaks ``--json``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"print() in line {node.lineno}"


def test_todo_and_fixme_are_not_left_behind():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert "TODO" not in text, path
        assert "FIXME" not in text, path
