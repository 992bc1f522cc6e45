"""The guide of ``insource decide``: the log it makes leads to the output that it shows."""

import json
import re
import runpy
from pathlib import Path

import pytest

from insource.cli.main import main

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "decide.md"
SCRIPT = ROOT / "examples" / "decide" / "few_calls.py"


def test_the_honest_no_is_what_the_commands_print(tmp_path, monkeypatch, capsys):
    made = runpy.run_path(str(SCRIPT))
    lines = [json.dumps(made["exchange"](number)) for number in range(made["CALLS"])]
    (tmp_path / "calls.jsonl").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    main(["logs", "import", "auto", "calls.jsonl", "--task", "invoices", "-q"])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["decide", "-q"])
    assert stop.value.code == 3
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    (shown,) = re.findall(r"```text\n(.*?)\n```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown.splitlines() == printed[: len(shown.splitlines())]
