"""Who may import whom, and what a light import may cost."""

import ast
import json
import logging.config
import os
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.cli import lint_imports

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "sklearn",
    "scipy",
    "numpy",
    "altair",
    "gguf",
    "xllamacpp",
    "llguidance",
    "sqlalchemy",
    "alembic",
    "aiohttp",
    "uvicorn",
    "httpx2",
    "rich",
)


def test_the_import_contracts_hold(capsys, monkeypatch):
    monkeypatch.chdir(PYPROJECT.parent)
    # It sets logging up for a process of its own, and silences every logger that is there already.
    monkeypatch.setattr(logging.config, "dictConfig", lambda config: None)
    kept = lint_imports(config_filename=str(PYPROJECT), cache_dir=None, is_debug_mode=False)
    assert kept == 0, capsys.readouterr().out


def test_every_package_has_its_layer():
    """A new top-level module has to be placed in the layers, or nothing holds it back."""
    contracts = read_user_options(config_filename=str(PYPROJECT)).contracts_options
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    placed = {name.strip() for layer in layers for name in layer.split("|")}
    package = PYPROJECT.parent / "src" / "insource"
    modules = {
        f"insource.{path.stem}"
        for path in package.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    assert modules == placed


# Who may do what a contract forbids to everybody else.
MAY = {
    "The heavy libraries stay in training and export": {"training", "export"},
    "Statistics import nothing of ours": None,  # about one package
    "Only those who act know a session": {"workflow", "cli", "demo", "dashboard", "pipeline"},
    "The gateway loads no arm, evaluation, training, export, dataset or report": None,
    "Nothing imports the test doubles": {"testing"},
}


def test_every_contract_holds_for_every_package():
    """A new package is under every contract, unless it is named here as one that may."""
    contracts = read_user_options(config_filename=str(PYPROJECT)).contracts_options
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    packages = {name.strip().removeprefix("insource.") for layer in layers for name in layer.split("|")}
    forbidden = {one["name"]: one["source_modules"] for one in contracts if one["type"] == "forbidden"}
    assert forbidden.keys() == MAY.keys()
    for name, may in MAY.items():
        if may is not None:
            sources = {source.removeprefix("insource.") for source in forbidden[name]}
            assert sources == packages - may, name


def test_no_package_names_a_session_for_a_type_checker_either():
    """The contract does not see imports under TYPE_CHECKING."""
    package = PYPROJECT.parent / "src" / "insource"
    may = MAY["Only those who act know a session"]
    for path in package.rglob("*.py"):
        if path.relative_to(package).with_suffix("").parts[0] not in {*may, "__init__"}:
            assert "insource.workflow.session" not in imported_by(
                path, {"insource.workflow.session": path}
            ), path


def test_no_files_import_in_a_circle():
    """Nor do they for a type checker or within a function: what needs each other belongs into one file."""
    package = PYPROJECT.parent / "src" / "insource"
    files = {
        ".".join(("insource", *path.relative_to(package).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in package.rglob("*.py")
    }
    imports = {module: imported_by(path, files) - {module} for module, path in files.items()}
    # Take away what imports nothing that is left, until nothing changes; circles stay.
    while gone := {module for module, needed in imports.items() if not needed & imports.keys()}:
        imports = {module: needed for module, needed in imports.items() if module not in gone}
    assert imports == {}, {module: needed & imports.keys() for module, needed in imports.items()}


def imported_by(path, modules):
    """The modules of ours that a file imports anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (submodules & modules.keys()) or ({node.module} & modules.keys())
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & modules.keys()
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import insource",
        "from insource.cli.main import main; main(['--help'])",
        "from insource.cli.main import main; main(['run', '--help'])",
        "from insource.cli.main import main; main(['demo', '--help'])",
        "from insource.cli.main import main; main(['logs', 'stats', '--help'])",
        "from insource.cli.main import main; main(['monitor', 'report', '--help'])",
    ],
)
def test_a_light_import_loads_nothing_heavy(code):
    report = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}
    assert loaded.isdisjoint(HEAVY), sorted(loaded & set(HEAVY))


def test_help_names_every_verb_with_its_own_line():
    from insource.cli.main import VERBS

    done = subprocess.run(
        [sys.executable, "-m", "insource.cli.main", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "120"},
    )
    for verbs in VERBS.values():
        for verb, (_, line) in verbs.items():
            assert any(f" {verb} " in row and line in row for row in done.stdout.splitlines()), verb
