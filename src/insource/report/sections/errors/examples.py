"""The section with the largest disagreements: input, label and answers side by side."""

from __future__ import annotations

import json
from typing import Any

from insource.report import words
from insource.report.page import Cell, Row, Section, ShownExample, Table
from insource.types import Disagreement, RunResult

ABSENT = "–"
NOT_JSON = object()
SIDE_BY_SIDE = 5


def disagreements(result: RunResult) -> Section | None:
    """Return the section with one folded example per document. Marks show cells unlike the label."""
    if not result.disagreements:
        return None
    labels = words.arm_labels(result)
    lead = (
        "The documents that the main arm did worst on. ≠ marks a value that is not written as in the label. "
        "The score accepts equivalent spellings, so a marked value is not always an error.",
    )
    blocks = tuple(_example(found, labels) for found in result.disagreements)
    return Section("disagreements", "Where do the answers differ?", lead, blocks)


def _example(found: Disagreement, labels: dict[str, str]) -> ShownExample:
    target = _parsed(found.target)
    answers = {labels.get(name, name): text for name, text in found.answers.items()}
    structured = isinstance(target, dict)
    if len(answers) > SIDE_BY_SIDE:
        return ShownExample(found.row_id, found.explanation, found.input, _listed(found.target, answers))
    rows = _by_leaf(target, answers) if structured else _whole(found.target, answers)
    columns = ("Field" if structured else "Part", "Label", *answers)
    return ShownExample(found.row_id, found.explanation, found.input, Table("Answers", columns, rows))


def _listed(target: str, answers: dict[str, str]) -> Table:
    """Return a row for the label and one for each arm, with what differs: many columns fit no page."""
    gold = _parsed(target)
    leaves = _leaves(gold) if isinstance(gold, dict) else {}
    whole = "\n".join(f"{path}: {value}" for path, value in leaves.items()) if leaves else target
    rows: list[Row] = [("Label", whole)]
    rows += [(name, _differing(target, leaves, text)) for name, text in answers.items()]
    return Table("Answers", ("Arm", "Where it differs from the label"), rows)


def _differing(target: str, gold: dict[str, str], text: str) -> Cell:
    answer = _parsed(text)
    if not gold or not isinstance(answer, dict):
        same = text.strip() == target.strip()
        return Cell("as the label", muted=True) if same else Cell(text, marked=True)
    given = _leaves(answer)
    paths = dict.fromkeys((*gold, *given))
    unlike = [path for path in paths if given.get(path, ABSENT) != gold.get(path, ABSENT)]
    lines = [f"{path}: {given.get(path, ABSENT)} (label {gold.get(path, ABSENT)})" for path in unlike]
    return Cell("\n".join(lines), marked=True) if lines else Cell("as the label", muted=True)


def _whole(target: str, answers: dict[str, str]) -> list[Row]:
    marked = (Cell(text, marked=text.strip() != target.strip()) for text in answers.values())
    return [("Answer", target, *marked)]


def _by_leaf(target: dict[str, Any], answers: dict[str, str]) -> list[Row]:
    gold = _leaves(target)
    parsed = {name: _parsed(text) for name, text in answers.items()}
    leaves = {name: _leaves(value) for name, value in parsed.items() if isinstance(value, dict)}
    paths = dict.fromkeys([*gold, *(path for found in leaves.values() for path in found)])
    rows: list[Row] = [
        (path, gold.get(path, ABSENT), *(_cell(path, gold, leaves.get(name)) for name in answers))
        for path in paths
    ]
    if len(leaves) < len(answers):
        raw = (
            Cell("" if name in leaves else text, marked=name not in leaves) for name, text in answers.items()
        )
        rows.append(("not a JSON object", "", *raw))
    return rows


def _cell(path: str, gold: dict[str, str], answer: dict[str, str] | None) -> Cell:
    if answer is None:
        return Cell("", muted=True)
    value = answer.get(path, ABSENT)
    return Cell(value, marked=value != gold.get(path, ABSENT))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return NOT_JSON


def _leaves(value: Any, path: str = "") -> dict[str, str]:
    """Return path → JSON text of every leaf. A list is a leaf."""
    if isinstance(value, dict) and value:
        return {
            leaf: text
            for key, item in value.items()
            for leaf, text in _leaves(item, f"{path}.{key}" if path else str(key)).items()
        }
    return {path or "(whole)": json.dumps(value, ensure_ascii=False)}
