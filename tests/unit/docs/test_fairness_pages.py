"""The pages on fair comparison and on the error mix name every kind there is."""

from __future__ import annotations

from typing import get_args

from unit.docs.generated_pages import ROOT

from insource.evaluation.error_mix.causes import LEVERS
from insource.types import CloudCall
from insource.types.error_mix import Cause, Lever
from insource.types.handicap import HandicapKind

CONCEPTS = ROOT / "docs" / "concepts"


def test_every_handicap_has_a_row():
    page = (CONCEPTS / "fair-comparison.md").read_text(encoding="utf-8")
    assert [kind for kind in get_args(HandicapKind) if f"| `{kind}`" not in page] == []
    assert [key for key in CloudCall.model_fields if f'"{key}"' not in page] == []


def test_every_cause_has_a_row_and_a_lever():
    page = (CONCEPTS / "error-mix.md").read_text(encoding="utf-8")
    assert [cause for cause in get_args(Cause) if f"| `{cause}` |" not in page] == []
    assert set(LEVERS) == set(get_args(Cause))
    assert set(LEVERS.values()) == set(get_args(Lever))
