"""The texts of an exported package: how it is built, imported, run and read about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

SOURCE, MODEL, EMBEDDING = "_source", "model", "embedding"

INIT = '''"""{about}

Exported by Insource {insource} from the run {run}; it needs no Insource. ``provenance.json`` has its figures.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def predict(text: str) -> str:
    """Return the answer to one document: a label, or JSON."""
    return str(answer(text).text)


def answer(text: str) -> Any:
    """Return the answer: ``text``, ``confidence``, ``field_confidences``, ``label_probabilities``."""
    return _model().answer(text)


@cache
def _model() -> Any:
    from {package}.{source}.models.fitted.registry import load
{embedding}
    return load(_HERE / "{model}")
'''

EMBEDDED = """    from {package}.{source}.models.embeddings import minilm

    files = minilm.Files(*[_HERE / "{folder}" / name for name in {names!r}])
    minilm.files = lambda: files
"""

MAIN = '''"""Answer a file: ``python -m {package} FILE`` prints the answer to the document in it.

Of a file that ends in ``.jsonl``, each line is one document, as a text or as an object with ``input``; each
answer is one line of JSON with its confidence. ``-`` reads standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from {package} import answer, predict


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m {package} FILE", file=sys.stderr)
        return 2
    name = sys.argv[1]
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"error: {{name}} cannot be read: {{error}}", file=sys.stderr)
        return 1
    if not name.endswith(".jsonl"):
        print(predict(text))
        return 0
    return _lines(text)


def _lines(text: str) -> int:
    failed = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            document = document["input"] if isinstance(document, dict) else document
            if not isinstance(document, str):
                raise ValueError("the document is not a text")
        except (ValueError, KeyError) as error:
            failed += 1
            print(f"error: line {{number}}: {{error!r}}", file=sys.stderr)
            continue
        found = answer(document)
        print(json.dumps({{"output": found.text, "confidence": found.confidence}}, ensure_ascii=False))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
'''

PROJECT = """[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = {distribution}
version = {version}
description = {about}
readme = "README.md"
license-files = ["LICENSE"]
requires-python = ">=3.11"
dependencies = {dependencies}

[tool.hatch.build.targets.wheel]
packages = [{package}]
"""

HOLDS = {
    "labels": "the labels; the words, pairs of words and pieces of words of the documents; where some rows"
    " belong to no label, embeddings of rows.",
    "crf": "the labels of whole documents; the words of the documents, each with its neighbours.",
    "spans": "the output's schema; the values of the training rows, field by field, rare ones too; the words"
    " around them.",
}
"""What of the training rows stands in the files of each kind of fitted model."""

README = """# {task}

{about}

```python
from {package} import predict

predict("the text of a document")
```

`python -m {package} FILE` answers a file, or each line of a `.jsonl` file.

## What it is

The arm `{arm}` of the run `{run}`, fitted to `{dataset}`. On that run's test split:

{figures}

`{package}/provenance.json` has the same with methods and versions. The folder `{package}/_source` is a part
of Insource {insource} (Apache-2.0, see `LICENSE`). The folder `{package}/model` was made from your rows and
is yours.

## What it holds of your rows

No document as a whole, but parts that a person can read in its files: {holds}
Give it only to those who may see these.
{more}"""


def project_text(package: str, about: str, version: str, requirements: Sequence[str]) -> str:
    """Return ``pyproject.toml``."""
    return PROJECT.format(
        distribution=json.dumps(package.replace("_", "-")),
        version=json.dumps(version),
        about=json.dumps(about),
        dependencies=json.dumps(list(requirements), indent=2),
        package=json.dumps(package),
    )


def figure_lines(figures: dict[str, Any]) -> str:
    """Return the figures as a table in Markdown."""
    rows = []
    for name, found in figures.items():
        low, high = found["low"], found["high"]
        interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        rows.append(f"| {name} | {found['value']:.3f} | {interval} | {found['n']} |")
    return "\n".join(["| figure | value | 95 % interval | n |", "|---|---|---|---|", *rows])
