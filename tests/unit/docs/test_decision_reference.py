"""The page on the decision names every key of the document, in the section of its type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from unit.docs.generated_pages import DECISION_SCHEMA, REFERENCE, decision_schema

from insource.types import Assumption, Comparison, Estimate, Frozen, Verdict
from insource.types.comparison import RequiredSample
from insource.types.decided import (
    AnsweredQuestion,
    Decision,
    Evidence,
    Flip,
    GateResult,
    KillCriterion,
    NextExperiment,
    RankedOption,
)
from insource.types.economics import CostLine, Costs, Economics, Payback, Quote, Swing
from insource.types.log_profile import Leaving, LogProfile
from insource.types.probes import LargerBase, Probe, Probes
from insource.types.step_ladder import StepLadder
from insource.types.sufficiency import (
    CurvePoint,
    CurveShape,
    Doubling,
    Gap,
    LearningCurve,
    Needed,
    PowerLawFit,
    PowerOfTest,
    Prediction,
    Queued,
    Sufficiency,
    ToLabel,
)

PAGE = (REFERENCE / "decision.md").read_text(encoding="utf-8")
SECTIONS: dict[type[Frozen], str] = {
    Decision: "The decision",
    KillCriterion: "Kill criteria",
    RankedOption: "Options",
    Flip: "Flip thresholds",
    Economics: "Economics",
    Costs: "Bills",
    Swing: "Tornado",
    Assumption: "Inputs",
    Evidence: "Evidence",
    AnsweredQuestion: "Questions",
    NextExperiment: "Experiments",
    Leaving: "What leaves the machine",
    Sufficiency: "Enough data",
    LearningCurve: "Learning curve",
    Needed: "More examples",
    PowerOfTest: "Power of the test",
    Probes: "Probes",
}
IN_A_ROW: dict[type[Frozen], str] = {
    Verdict: "The decision",
    GateResult: "The decision",
    CostLine: "Bills",
    Payback: "Economics",
    Quote: "Economics",
    CurvePoint: "Learning curve",
    CurveShape: "Learning curve",
    PowerLawFit: "Learning curve",
    Prediction: "Learning curve",
    Doubling: "Learning curve",
    RequiredSample: "Power of the test",
    Queued: "Enough data",
    ToLabel: "Enough data",
    Gap: "Enough data",
    Probe: "Probes",
    LargerBase: "Probes",
}
OF_OTHER_PAGES = (Estimate, LogProfile, Comparison, StepLadder)


def section(title: str) -> str:
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def keys(text: str) -> list[str]:
    """The keys in the first column of the table of a section."""
    cells = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
    return [key for cell in cells for key in re.findall(r"`([a-z0-9_]+)`", cell)]


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_key_has_a_row_and_every_row_a_key(kind):
    assert sorted(keys(section(SECTIONS[kind]))) == sorted(kind.model_fields)


@pytest.mark.parametrize("kind", IN_A_ROW, ids=lambda kind: kind.__name__)
def test_the_keys_of_a_small_part_are_named_beside_it(kind):
    named = set(re.findall(r"`([a-z0-9_]+)`", section(IN_A_ROW[kind])))
    assert set(kind.model_fields) <= named


def parts(kind: type[Frozen]) -> Iterator[type[Frozen]]:
    """Every type of which a document is made; the profile of a log has a page of its own."""
    yield kind
    for field in kind.model_fields.values():
        for part in _types(field.annotation):
            if part not in OF_OTHER_PAGES:
                yield from parts(part)


def _types(annotation: Any) -> Iterator[type[Frozen]]:
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)


def test_every_part_of_a_decision_has_its_place():
    assert set(parts(Decision)) == {*SECTIONS, *IN_A_ROW}


def test_the_schema_is_current_and_of_the_version_that_the_page_states():
    version = Decision.model_fields["schema_version"].default
    assert f"`schema_version` is {version}." in PAGE
    assert DECISION_SCHEMA.read_text(encoding="utf-8") == decision_schema(), (
        "run: python tests/unit/docs/generated_pages.py"
    )
