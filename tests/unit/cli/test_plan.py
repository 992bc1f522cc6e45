"""``insource plan`` from its options to its lines and its exit code."""

import json
import socket

import pytest

from insource.cli.main import main
from insource.runs.folders import RunStore, StageSpec
from insource.types import TrainingSummary

CARD = ("--card", "rtx-4090")


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder; return the exit code, what it printed, and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            main(["plan", *arguments])
        except SystemExit as stop:
            code = stop.code
        else:
            code = 0
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_the_command_of_the_issue(plan):
    code, out, err = plan("--model", "qwen3-8b", "--method", "qlora", "--length", "2048", *CARD)
    assert (code, err) == (0, "")
    rows = {line[:14].strip(): line[15:] for line in out.splitlines() if line[:14].strip()}
    assert "fits the RTX 4090" in rows["memory"]
    for part in ("weights", "trained", "activations", "logits"):
        assert part in rows["memory"]
    for name in (
        "time",
        "money",
        "energy",
        "labelling",
        "calendar",
        "least memory",
        "longest rows",
        "prices",
    ):
        assert rows[name], name
    assert "check" in rows["prices"]
    engines = [line for line in out.splitlines() if line.startswith(("llama.cpp", "vLLM"))]
    assert len(engines) == 6
    assert "Assumed" in out
    assert "yours" in rows["longest row"]
    assert "default" in rows["labellers"]
    assert "decision.kwh_usd" in rows["electricity"]


def test_nothing_is_written_and_nothing_is_sent(plan, tmp_path, monkeypatch):
    def refused(*_):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    code, _, err = plan("--model", "llama-3.1-8b-instruct", "--method", "qlora", "--card", "auto")
    assert (code, err) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_says_what_would_and_ends_with_1(plan):
    code, out, err = plan("--model", "qwen3-8b", "--method", "full", *CARD)
    assert code == 1
    assert "DOES NOT FIT the RTX 4090" in out
    assert "stops: memory-too-small" in err
    assert "would fit: --method lora" in err
    assert "would fit: --card" in err


def test_auto_lists_the_cards_with_the_chosen_one_first(plan):
    code, out, _ = plan("--model", "qwen3-8b", "--method", "qlora", "--card", "auto")
    assert code == 0
    table = out.partition("card  ")[2].partition("\n\n")[0].splitlines()[1:]
    assert table[0].split()[0] == out.split()[1]
    assert len(table) > 3


def test_json_has_every_figure_with_its_interval(plan):
    code, out, err = plan("--model", "qwen3-8b", "--method", "qlora", *CARD, "--examples", "500", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["version"] == 1
    assert found["possible"] is True
    for figure in (
        found["kwh"],
        found["training"]["seconds"],
        found["training"]["usd"],
        found["calendar_days"],
    ):
        assert figure["low"] < figure["value"] < figure["high"]
        assert figure["method"]
    given = {one["name"]: (one["value"], one["source"]) for one in found["assumptions"]}
    assert given["training rows"] == (500, "yours")
    assert given["labellers"][1] != "yours"


def test_a_project_gives_what_is_not_typed(plan, tmp_path):
    (tmp_path / "insource.toml").write_text(
        '[training]\nmodel = "qwen3-0.6b"\nmethod = "lora"\nmax_tokens = 300\n[decision]\nkwh_usd = 0.5\n'
    )
    _, out, _ = plan(*CARD, "--json")
    found = json.loads(out)
    assert found["model"] == "qwen3-0.6b"
    assert found["training"]["data"]["longest_row_tokens"] == 300
    assert found["electricity_usd"]["value"] == pytest.approx(0.5 * found["kwh"]["value"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--card", "rtx-4091"), 1, "card-unknown"),
        (("--model", "no-such-model", *CARD), 1, "model-unknown"),
        (("--length", "0", *CARD), 2, "'--length'"),
        (("--length", "-5", *CARD), 2, "'--length'"),
        (("--examples", "0", *CARD), 2, "'--examples'"),
        (("--label-minutes", "0", *CARD), 2, "'--label-minutes'"),
        (("--label-minutes", "inf", *CARD), 2, "finite"),
        (("--rent-usd", "nan", *CARD), 2, "finite"),
        (("--rent-usd", "-1", *CARD), 2, "'--rent-usd'"),
        (("--method", "magic", *CARD), 2, "'--method'"),
        (("--model", "qwen3-8b", "--length", "100000", *CARD), 1, "length-beyond-context"),
        (("--mean-length", "500", "--length", "400", *CARD), 2, "--mean-length"),
        (("--config", "nowhere.toml", *CARD), 1, "no-config"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_planned(plan, arguments, code, said):
    found, out, err = plan(*arguments)
    assert found == code
    assert said in err
    assert out == ""
    assert "Traceback" not in err


def test_this_machine_is_planned_for_without_a_card(plan):
    _, out, err = plan("--model", "smollm2-135m-instruct", "--length", "256", "--json")
    found = json.loads(out)
    assert err == ""
    assert found["card"] is None
    assert found["training"]["machine"]["free_bytes"] > 0
    assert found["training"]["seconds"]["value"] > 0


def test_a_run_of_this_project_gives_the_time_and_its_real_peak(plan, tmp_path):
    run = TrainingSummary(
        base_model="smollm2-135m-instruct",
        examples=10,
        steps=5,
        planned_steps=5,
        epochs=1,
        tokens=100,
        tokens_per_s=500,
        best_step=5,
        best_validation_loss=None,
        stopped="at the end",
        planned_memory_bytes=2 * 2**30,
        peak_memory_bytes=3 * 2**30,
    )
    spec = StageSpec(stage="train", version=1, inputs={}, config={}, seed=0, libraries=())
    RunStore(tmp_path / ".insource").run(spec, lambda folder: run.model_dump(mode="json"))
    _, out, _ = plan("--model", "smollm2-135m-instruct", "--length", "256")
    rows = {line[:14].strip(): line[15:] for line in out.splitlines() if line[:14].strip()}
    assert "3.0 GiB" in rows["earlier run"]
    assert "2.0 planned" in rows["earlier run"]
    assert "earlier runs here" in rows["time"]
