"""The guide to the hardware planner: its commands run, its table is the planner's."""

import json
import re
import shlex

import pytest
from support.hardware_questions import question
from unit.docs.generated_pages import ROOT

from insource.cli.main import main
from insource.decision.hardware.fitting import least_bytes, tried
from insource.decision.hardware.models import planned_model
from insource.training.planning.cards import known_cards

PAGE = (ROOT / "docs" / "guides" / "plan-hardware.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| `([\w.-]+)` \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
COMMANDS = sorted(set(re.findall(r"insource plan [^`\n]+", PAGE)))
FAILS = "insource plan --model qwen3-8b --method full --card rtx-4090"


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_run(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = 0
    try:
        main(shlex.split(line)[1:])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    assert code == (1 if line == FAILS else 0), err
    assert json.loads(out) if "--json" in line else "fit" in out.lower()


def test_there_are_commands_and_one_that_fails():
    assert len(COMMANDS) >= 7
    assert FAILS in COMMANDS


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_its_table_is_the_planner_s(row):
    name, *cells = row
    model, large = planned_model(name), known_cards().cards["h200"].machine()
    for method, cell in zip(("qlora", "lora", "full"), cells, strict=True):
        asked = question(name, method=method)
        smallest = next(
            card.key for card in known_cards().cards.values() if tried(asked, model, card.machine()).fits
        )
        assert cell == f"{least_bytes(asked, model, large) / 2**30:.1f}, `{smallest}`"


def test_the_table_is_found():
    assert len(TABLE) == 6
