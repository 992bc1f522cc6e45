"""``insource decide`` from its options to its lines, files and exit code, on planted logs."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from support.planted_logs import START, orders, stored, tickets

from insource.cli.decide import exit_code
from insource.cli.main import main
from insource.logs.recorder import STORE_FILE
from insource.types import Usage, Verdict
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


NO_PRICE = {"cost_usd": None, "priced_by": ""}
UNKNOWN_FIGURES = ("cost_per_1000_correct_usd", "saves")


@pytest.mark.parametrize(
    ("change", "config", "missing"),
    [
        (NO_PRICE, "", "the price of gpt-4o-mini"),
        ({"cost_usd": Decimal("-0.002")}, "", "the recorded cost is negative"),
        ({"cost_usd": None, "priced_by": "", "usage": Usage()}, "", "the price of gpt-4o-mini"),
    ],
)
def test_what_no_call_tells_is_unknown_by_name_and_no_figure_rests_on_it(decide, change, config, missing):
    calls = [one.model_copy(update=change) for one in orders(a_day=4)]
    code, out, err = decide("--json", calls=calls, config=CONFIG + config)
    assert code == 4, err
    (found,) = json.loads(out)["decisions"]
    assert found["verdict"]["outcome"] == "undecided"
    for option in found["options"]:
        if option["kind"] != "keep":
            assert [option[name]["value"] for name in UNKNOWN_FIGURES] == [None, None], option["name"]
            assert option["unknown"], option["name"]
    assert missing in found["options"][0]["unknown"][0]
    assert found["headline"], "there is an option of one's own, whose price is unknown"
    assert found["next"]["command"].endswith("cost_per_1000_usd under [reference]")


def test_a_price_that_a_person_states_is_taken_where_the_log_has_none(decide):
    """As the next experiment of a log without prices says."""
    calls = [one.model_copy(update=NO_PRICE) for one in orders(a_day=4)]
    code, out, _ = decide("--json", calls=calls, config=CONFIG + "[reference]\ncost_per_1000_usd = 30\n")
    (found,) = json.loads(out)["decisions"]
    assert code == 3
    assert "122 documents a month cost $3.65" in found["verdict"]["sentence"]
    assert found["options"][0]["unknown"] == []


def test_latencies_that_are_missing_are_unknown_and_decide_no_gate(decide):
    calls = [one.model_copy(update={"latency_s": None}) for one in orders(a_day=4)]
    config = CONFIG + '[decision]\nneed_s = 0.5\ngates = ["p95_s < 1"]\n'
    code, out, _ = decide("--json", calls=calls, config=config)
    (found,) = json.loads(out)["decisions"]
    assert code == 4
    assert [one["p95_s"]["value"] for one in found["options"]] == [None] * len(found["options"])
    assert not any(one["standing"] == "ruled out" for one in found["options"])


def test_a_task_with_two_schemas_is_not_called_narrow(decide):
    calls = [
        one.model_copy(update={"response_text": json.dumps({"total": n, "tax": n % 7})}) if n % 2 else one
        for n, one in enumerate(orders(a_day=10))
    ]
    _, out, _ = decide("--json", calls=calls)
    (found,) = json.loads(out)["decisions"]
    narrow = found["questions"][0]
    assert narrow["answer"] == "no"
    assert "50% of the answers have one form: it is several tasks" in narrow["sentence"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[decision]\ndocuments_per_month = 0", "decision.documents_per_month = 0: input should be greater"),
        ("[decision]\ndocuments_per_month = inf", "should be a finite number"),
        ("[decision]\nerror_usd = { wrong = -1 }", "decision.error_usd.wrong = -1"),
        ("[reference]\ncost_per_1000_usd = inf", "should be a finite number"),
        ("[reference]\ncost_per_1000_usd = -1", "reference.cost_per_1000_usd = -1"),
        ("[[reference.also]]\nmodel = 'a/b'\ncost_per_1000_usd = nan", "reference.also.0.cost_per_1000_usd"),
        ("[reference]\nmax_usd = inf", "should be a finite number"),
        ("[prices.models.gpt]\ninput = inf\noutput = 1.0", "should be a finite number"),
        ("[prices.models.gpt]\ninput = -1.0\noutput = 1.0", "prices.models.gpt.input = -1.0"),
    ],
)
def test_a_number_that_is_none_is_refused_by_its_key(decide, section, said):
    code, out, err = decide(calls=orders(a_day=1, days=2), config=f"{CONFIG}{section}\n")
    assert code == 2
    assert said in err
    assert out == ""


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ('verdict == "go"', "there is no `verdict`"),
        ("quality > 0.5", "name a part of it, such as `quality.value`"),
        ('p95_s < "fast"', "'fast' is a text, and every value here is a number"),
        ('payback_probability in [1, "x"]', "is a text"),
        ("1 < 2", "it names no value"),
        ('"a" == "a"', "it names no value"),
        ("break_even", "it has to compare something"),
        ('__import__("os").system("id") == 0', "is not allowed"),
        ('"half a gate', "it cannot be read"),
        ("quality.low > 0.9 or wonders", "there is no `wonders`"),
    ],
)
def test_a_gate_that_would_decide_nothing_is_refused(decide, gate, said):
    config = f"{CONFIG}[decision]\ngates = [{json.dumps(gate)}]\n"
    code, out, err = decide(calls=orders(a_day=1, days=8), config=config)
    assert code not in (0, 3, 4)
    assert said in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("amount", ["nan", "inf"])
def test_a_cap_that_caps_nothing_is_refused(decide, amount):
    code, _, err = decide("--max-usd", amount)
    assert code == 2
    assert "is no amount" in err


def test_a_time_after_the_last_call_is_said_to_be(decide):
    code, _, err = decide("--since", "2099-01-01", calls=orders(a_day=1, days=2))
    assert code not in (0, 3, 4)
    assert "The log has no call since 2099-01-01" in err


def test_the_configuration_speaks_of_its_own_task_alone(decide):
    """The volume, the need and the price that a person states are not those of another task of the log."""
    both = [
        *orders(a_day=4),
        *(one.model_copy(update={"call_id": f"t{one.call_id}"}) for one in tickets(a_day=4, task="desk")),
    ]
    config = CONFIG + "[decision]\ndocuments_per_month = 7_000_000\nneed_s = 0.001\n"
    _, out, _ = decide("--json", calls=both, config=config)
    found = {one["task"]: one for one in json.loads(out)["decisions"]}
    volumes = {name: one["options"][0]["economics"]["volume"]["value"] for name, one in found.items()}
    assert volumes["orders"] == 7_000_000
    assert volumes["desk"] == pytest.approx(4 * 30.4375, rel=0.05)


HOSTILE = (
    "[red]x[/red] [/]",
    "\x1b[31mred\x1b[0m",
    "<script>alert(1)</script>",
    "a|b`c`\n# d",
    "--json",
    "../etc",
    "\u202ee",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_a_log_are_shown_and_never_obeyed(decide, tmp_path, name):
    calls = [
        one.model_copy(update={"task": name, "model_asked": name, "model_answered": name})
        for one in orders(a_day=1, days=8)
    ]
    code, out, err = decide("--markdown", "out.md", calls=calls)
    assert code in (3, 4), err
    (page,) = (tmp_path / ".insource" / "decisions").glob("*/decision.html")
    html, markdown = page.read_text(encoding="utf-8"), (tmp_path / "out.md").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in html
    assert "<script>alert(1)" not in markdown
    assert "\n# d" not in markdown
    for text in (out, err, html, markdown):
        assert not {"\x1b", "\u202e"} & set(text)
    assert decide("--", name)[0] == code


def test_the_command_for_one_of_several_tasks_can_be_typed(decide):
    both = [
        *(one.model_copy(update={"task": "--json"}) for one in orders(a_day=2, days=8)),
        *(one.model_copy(update={"call_id": f"t{one.call_id}"}) for one in tickets(a_day=1, days=8)),
    ]
    _, _, err = decide(calls=both)
    assert "insource decide -- --json" in err


def test_a_purge_names_what_decisions_keep_of_the_log(decide, capsys):
    decide(calls=orders(a_day=4))
    main(["logs", "purge", "--task", "orders", "--yes"])
    said = capsys.readouterr().err
    assert "Not removed: wordings of prompts and names of labels in " in said
    assert "decisions/orders" in said
