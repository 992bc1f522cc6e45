"""The copy of a module and of what it needs: made packages in, source under another name out."""

import sys

import pytest
import support.fitted_models  # noqa: F401 (two small kinds beside the real ones)

import insource
from insource.export.package.closure import copied
from insource.models.fitted.registry import KINDS

MODULES = {
    "made/__init__.py": "from insource.made.shapes import Shape as Form\n"
    "from insource.made.heavy import weigh\n",
    "made/shapes.py": "from __future__ import annotations\nimport json\nclass Shape:\n    sides = 4\n",
    "made/heavy.py": "import torch\ndef weigh(): ...\n",
    "made/deep/__init__.py": "",
    "made/deep/far.py": "NAMES: dict[str, str] = {'a': 'b'}\nMARK = 'ü'\n",
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Write modules beside the real ones, below ``insource.made``, and return the copy of one."""
    monkeypatch.setattr(insource, "__path__", [*insource.__path__, str(tmp_path)])

    def make(text, **replaced):
        for name, content in (MODULES | {"made/start.py": text}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return copied(["insource.made.start"], "mine", replaced)

    yield make
    for name in [name for name in sys.modules if name.startswith("insource.made")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "copy", "brings"),
    [
        ("from insource.made.deep import far\n", "from mine.made.deep import far\n", {"made/deep/far.py"}),
        (
            "def f():\n    from insource.made.deep.far import MARK as m\n    return m\n",
            "def f():\n    from mine.made.deep.far import MARK as m\n    return m\n",
            {"made/deep/far.py"},
        ),
        # a name that a package passes on brings the module that defines it, and not those beside it
        (
            "from insource.made import Form\n",
            "from mine.made.shapes import Shape as Form\n",
            {"made/shapes.py"},
        ),
        (
            "from insource.made import Form as F\n",
            "from mine.made.shapes import Shape as F\n",
            {"made/shapes.py"},
        ),
        (
            "if 1:\n    from insource.made.deep.far import (  # two\n        MARK,\n        NAMES,\n    )\n",
            "if 1:\n    from mine.made.deep.far import MARK; from mine.made.deep.far import NAMES\n",
            {"made/deep/far.py"},
        ),
        (
            "import typing\nif typing.TYPE_CHECKING:\n    from insource.made.heavy import weigh\n",
            "import typing\nif typing.TYPE_CHECKING:\n    from mine.made.heavy import weigh\n",
            set(),
        ),
        ('X = "from insource.made import y"  # ü\n', 'X = "from insource.made import y"  # ü\n', set()),
        (
            "é = 1; from insource.made.deep import far\n",
            "é = 1; from mine.made.deep import far\n",
            {"made/deep/far.py"},
        ),
    ],
)
def test_imports_are_renamed_and_everything_else_keeps_its_bytes(made, text, copy, brings):
    found = made(text)
    assert found.files["made/start.py"] == copy
    compile(copy, "start", "exec")
    whole = {name for name, content in found.files.items() if content}
    assert whole - {"made/start.py"} == brings
    assert {"__init__.py", "made/__init__.py"} <= found.files.keys()
    assert found.needed == {}


def test_modules_of_others_are_named_with_who_imports_them(made):
    found = made(
        "import numpy as np, os.path\nfrom scipy.sparse import x\nfrom insource.made.heavy import weigh\n"
    )
    assert found.needed == {
        "numpy": {"insource.made.start"},
        "scipy": {"insource.made.start"},
        "torch": {"insource.made.heavy"},
    }


def test_a_value_at_the_top_is_replaced(made):
    found = made(
        "from insource.made.deep.far import NAMES\n", **{"insource.made.deep.far": {"NAMES": "{'x': 1}"}}
    )
    assert found.files["made/deep/far.py"] == "NAMES: dict[str, str] = {'x': 1}\nMARK = 'ü'\n"


@pytest.mark.parametrize(
    "text",
    ["import insource.made.shapes\n", "from . import shapes\n", "from insource.made.absent import x\n"],
)
def test_what_cannot_be_followed_is_refused(made, text):
    with pytest.raises(ValueError, match="insource"):
        made(text)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_fitted_model_answers_without_the_rest_of_insource(kind):
    found = copied([KINDS[kind].partition(":")[0]], "mine", {})
    folders = {name.partition("/")[0] for name in found.files} - {"__init__.py"}
    assert folders <= {
        "contract",
        "formats",
        "foundation",
        "matching",
        "models",
        "similarity",
        "stats",
        "types",
    }
    heavy = {"torch", "transformers", "sqlalchemy", "uvicorn", "xllamacpp", "llguidance", "sklearn"}
    assert found.needed.keys() & heavy == set()
