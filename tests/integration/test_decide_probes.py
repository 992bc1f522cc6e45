"""Probes of ``insource decide``: a budget too small for any, and what a later, plain look reads back."""

import json
from pathlib import Path

import pytest
from support.arms import made_of
from support.planted_logs import stored, tickets

from insource import pipeline
from insource.cli.main import main
from insource.logs.recorder import STORE_FILE
from insource.workflow import depths

CONFIG = """
[task]
name = "tickets"
[reference]
cost_per_1000_usd = 30.0
[evaluation]
base_documents = 4
"""


@pytest.fixture
def decide(project, rows, tmp_path, monkeypatch, capsys):
    """Run the command on sixty tickets, the tuned model stood in for as in tests/unit/test_pipeline.py."""
    lines = rows.tickets(60)
    for n, line in enumerate(lines):
        line["cloud_outputs"] = {"gpt": line["output"] if n % 3 else "billing"}
    project(lines, CONFIG)
    (tmp_path / "engine").mkdir()
    monkeypatch.chdir(tmp_path)

    def stand_in(session, dataset, task):
        examples = [one for split in dataset.splits.values() for one in split]
        return made_of(task, Path("engine").absolute(), examples)

    for module in (pipeline, depths):
        monkeypatch.setattr(module, "make_model", stand_in)

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["decide", "--json", *arguments])
        out, err = capsys.readouterr()
        (found,) = json.loads(out)["decisions"] if out else (None,)
        return stop.value.code, found, err

    return run


@pytest.mark.slow
def test_probes_are_read_back_by_a_plain_look_and_without_any_of_them_the_ladder_decides(decide):
    code, found, err = decide("--depth", "probe", "--budget", "1000h")
    assert code in (0, 3, 4), err
    assert found["depth"] == "probe"
    assert all(one["reason"] for one in found["probes"]["probes"] if one["status"] == "not run")
    code, found, err = decide("--depth", "probe")
    assert found["probes"]["budget_s"] is None, "no limit was given"
    assert "no limit on the time" in err
    again = decide()[1]
    assert (again["depth"], again["probes"]) == ("probe", found["probes"])
    code, nothing, err = decide("--depth", "log")
    assert code not in (0, 3, 4)
    assert nothing is None
    assert "There is no log to decide from." in err
    stored(Path(".insource") / STORE_FILE, tickets(a_day=2, task="tickets"))
    assert decide("--depth", "log")[1]["depth"] == "log"
    assert decide()[1]["depth"] == "probe", "a look at the log alone loses nothing"
    code, found, err = decide("--depth", "probe", "--budget", "1s")
    assert not any(one["status"] == "measured" for one in found["probes"]["probes"])
    assert found["probes"]["cheapest"], "what the next one takes, or why none can run"


def test_a_cap_is_held_by_the_command_before_anything_is_sent(decide, monkeypatch):
    """Whoever says yes to everything has still set a cap. A connection would fail with another error."""
    monkeypatch.setenv("A_KEY", "secret")
    more = 'model = "openai/gpt-4o-mini"\nbase_url = "https://api.example.com/v1"\napi_key_env = "A_KEY"\n'
    config = Path("insource.toml")
    config.write_text(config.read_text().replace("[reference]\n", f"[reference]\n{more}"))
    code, nothing, err = decide("--depth", "ladder", "--max-usd", "0.0000001", "--yes")
    assert code not in (0, 3, 4)
    assert nothing is None
    assert "Nothing was sent: asking openai/gpt-4o-mini about" in err
    assert "the cap is $0.00" in err
