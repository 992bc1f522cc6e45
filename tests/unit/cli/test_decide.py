"""``insource decide`` from its options to its lines, files and exit code, on planted logs."""

import json
from datetime import timedelta

import pytest
from support.planted_logs import START, orders, stored, tickets

from insource.cli.decide import exit_code
from insource.cli.main import main
from insource.logs.recorder import STORE_FILE
from insource.types import Verdict
from insource.types.decided import Decision, GateResult

CONFIG = '[task]\nname = "orders"\n'


@pytest.fixture
def decide(tmp_path, monkeypatch, capsys):
    """Run the command on a log of these calls; return the exit code, what it printed, and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, calls=None, config=None):
        if config is not None:
            (tmp_path / "insource.toml").write_text(config)
        if calls is not None:
            (tmp_path / ".insource").mkdir(exist_ok=True)
            stored(tmp_path / ".insource" / STORE_FILE, calls)
        try:
            main(["decide", *arguments])
        except SystemExit as stop:
            code = stop.code
        else:
            code = 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_log_alone_leads_to_a_verdict_a_page_and_a_next_experiment(decide, tmp_path):
    """As right after an import: no configuration, no model, no network."""
    code, out, err = decide(calls=orders())
    assert code in (3, 4)
    assert out.startswith("orders: ")
    assert "Traceback" not in err
    page = tmp_path / ".insource" / "decisions" / "orders" / "decision.html"
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    kept = Decision.model_validate_json(page.with_name("decision.json").read_text())
    assert kept.depth == "log"
    assert kept.profile.traffic.calls == 600
    assert [one.depth for one in kept.deeper] == ["ladder"]


def test_json_is_versioned_and_the_same_when_the_profiles_are_read_back(decide):
    found = [json.loads(decide("--json", calls=calls)[1]) for calls in (tickets(task="orders"), None)]
    assert found[0]["schema_version"] == 1
    for one in (*found[0]["decisions"], *found[1]["decisions"]):
        one.pop("decided_at")
        for step in one["deeper"]:
            step.pop("minutes")  # the machine's speed is measured anew
    assert found[0]["decisions"][0]["options"] == found[1]["decisions"][0]["options"]
    assert found[0]["decisions"][0]["schema_version"] == 1


def test_several_tasks_are_a_table_and_one_of_them_is_shown_in_full(decide, tmp_path):
    both = [
        *orders(),
        *(one.model_copy(update={"call_id": f"t{one.call_id}"}) for one in tickets(task="desk/1")),
    ]
    _, out, _ = decide(calls=both)
    assert "orders" in out
    assert "desk/1" in out
    assert not list((tmp_path / ".insource" / "decisions").glob("*/decision.html"))
    code, _, _err = decide("desk/1")
    assert code in (3, 4)
    (page,) = (tmp_path / ".insource" / "decisions").glob("*/decision.html")
    assert page.parent.name.startswith("desk-1-"), "a task's name is no path"


def test_markdown_goes_to_a_file_or_to_standard_output(decide, tmp_path):
    _, out, _ = decide("--markdown", "-", calls=orders())
    assert out.startswith("#")
    decide("--markdown", "verdict.md")
    kept = (tmp_path / "verdict.md").read_text()
    assert kept.splitlines()[:-2] == out.splitlines()[:-2]  # the last lines say when it was made


def test_gates_of_the_configuration_set_the_exit_code(decide):
    config = CONFIG + '[decision]\ndocuments_per_month = 5_000_000\ngates = ["payback_probability > 0.1"]\n'
    code, _, err = decide(calls=orders(), config=config)
    assert code == 0, err
    code, *_ = decide(config=config.replace("> 0.1", "> 2"))
    assert code == 3
    code, *_ = decide(config=config.replace("payback_probability > 0.1", "p95_s < 1"))
    assert code == 4
    code, _, err = decide(config=config.replace("payback_probability", "wonders"))
    assert code == 1 or code == 2
    assert "there is no `wonders`" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("outcome", "gates", "code"),
    [
        ("go", (), 0),
        ("no-go", (), 3),
        ("undecided", (), 4),
        ("go", (True, False), 3),
        ("no-go", (True, None), 4),
    ],
)
def test_exit_codes(outcome, gates, code):
    found = Decision(
        insource_version="1",
        task="t",
        depth="log",
        decided_at="now",
        machine="m",
        verdict=Verdict(outcome=outcome, sentence="x"),
        gates=tuple(GateResult(expression="x > 1", met=one) for one in gates),
    )
    assert exit_code(found) == code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There is neither a log nor a finished run to decide from."),
        (("--budget", "soon"), "is no duration; write 90s, 30m or 2h."),
        (("--depth", "deep"), "'deep' is not one of"),
        (("--max-usd", "-1"), "-1.0 is not in the range"),
    ],
)
def test_a_users_mistake_is_said_without_a_traceback(decide, arguments, said):
    code, _, err = decide(*arguments)
    assert code not in (0, 3, 4)
    assert said in err
    assert "Traceback" not in err


def test_a_task_that_nobody_knows_names_those_that_are_known(decide):
    code, _, err = decide("nothing", calls=orders())
    assert code not in (0, 3, 4)
    assert "Known tasks: orders." in err


def test_a_log_of_one_day_is_undecided_and_names_what_is_missing(decide):
    short = [
        one.model_copy(update={"started_at": START + timedelta(minutes=n)})
        for n, one in enumerate(orders(days=2))
    ]
    code, out, _ = decide(calls=short)
    assert code == 4
    assert "the volume" in out
    assert "documents_per_month" in out


def test_a_budget_too_small_for_the_ladder_measures_nothing_and_says_so(decide):
    code, _, err = decide("--depth", "ladder", "--budget", "1s", calls=orders(), config=CONFIG)
    assert code in (3, 4)
    assert "more than the budget of 1 s: it is not measured" in err


@pytest.mark.parametrize(
    ("need", "offered"), [("", True), ("need_s = 3600\n", False), ("need_s = 86_400\n", True)]
)
def test_a_batch_is_an_option_where_callers_may_wait_a_day(decide, need, offered):
    config = f"{CONFIG}[decision]\ndocuments_per_month = 5_000_000\n{need}"
    _, out, _ = decide("--json", calls=orders(), config=config)
    (found,) = json.loads(out)["decisions"]
    batches = [one for one in found["options"] if one["kind"] == "batch"]
    assert [one["name"] for one in batches] == (["gpt-4o-mini in batches"] if offered else [])
    assert all(one["standing"] == "open" for one in batches)
