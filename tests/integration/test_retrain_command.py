"""``insource retrain`` as it is typed: the plan, the queue, a cycle, its history, what it refuses."""

import json
import shutil

import pytest
from support.retraining import FITTED, NEW, answered, documents, finished_project, stand_in

from insource import pipeline
from insource.cli.main import main
from insource.dataset.fresh import FILE_NAME as FRESH
from insource.dataset.fresh import read_fresh
from insource.logs.query import Log
from insource.workflow.cycles import FOLDER


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A copy of the project, in which the command measures the fitted arms alone."""
    folder = shutil.copytree(finished, tmp_path / "project")
    config = folder / "insource.toml"  # without a cloud: the command would ask it for money
    config.write_text(config.read_text().replace('model = "openai/big"\n', ""))
    monkeypatch.setattr(pipeline, "make_model", stand_in(tmp_path / "engine"))
    monkeypatch.setattr(pipeline.run, "__kwdefaults__", {**pipeline.run.__kwdefaults__, "arms": FITTED})
    monkeypatch.setattr(pipeline, "require_extras", lambda arms: None)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def command(folder, capsys):
    def call(*arguments):
        code = 0
        try:
            main(["retrain", *arguments])
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return call


def correct(folder, count):
    texts = documents(NEW, count, seed=1)
    calls = answered(folder / ".insource", texts)
    with Log(folder / ".insource") as log:
        log.drain()
        for call, (_, label) in zip(calls, texts, strict=True):
            log.correct(call, label)
    return calls


def test_a_dry_run_says_what_and_how_much_and_writes_nothing(folder, command):
    correct(folder, 60)
    datasets = sorted((folder / ".insource" / "datasets").iterdir())
    code, out, _ = command("--dry-run", "--json")
    plan = json.loads(out)
    assert code == 0
    assert plan["sentence"] == "A cycle is due: examples."
    assert plan["collected"] == {"rows": 60, "corrected": 60, "by_cloud": 0, "left_out": {}}
    assert plan["rows"] == 300
    assert (plan["to_label"], round(plan["label_hours"], 3), round(plan["label_usd"], 2)) == (
        10,
        0.333,
        13.33,
    )
    assert plan["cloud_usd"]["value"] == 0.0
    assert not (folder / ".insource" / FRESH).exists()
    assert not list((folder / ".insource" / FOLDER).glob("*.json"))
    assert sorted((folder / ".insource" / "datasets").iterdir()) == datasets
    code, out, _ = command("--dry-run")
    assert code == 0
    assert "examples  due      60 labels by people since the last training, about 30 of them" in out
    assert "60 corrected by people; left out: none" in out
    assert out.rstrip().endswith("A cycle is due: examples.")


def test_without_a_reason_it_exits_with_0_and_says_what_would_be_one(folder, command):
    code, out, err = command()
    assert (code, out) == (0, "")
    assert "No cycle is due, and the champion stays." in err
    assert "0 labels by people since the last training; 40 would be a reason." in err
    assert command("--history")[1] == "No cycle yet.\n"


def test_a_cycle_prints_what_became_of_it_and_what_it_cost(folder, command):
    correct(folder, 150)
    code, out, err = command("--json")
    said = json.loads(out)
    assert (code, said["cycle"]["outcome"]) == (0, "passed")
    assert "The challenger is better on the fresh ones" in err
    assert "no cloud is configured (reference.model)" in err
    assert "insource deploy promote RUN --force" in err
    assert "The cycle cost $0.00" in err
    assert said["cycle"]["cost"]["seconds"] > 0
    _, out, _ = command("--history")
    assert out.count("\n") == 1
    assert "passed  (examples)" in out


def test_a_cycle_that_keeps_the_champion_exits_with_3(folder, command):
    code, _, err = command("--now", "to see")
    assert code == 3
    assert "nothing new: The champion stays" in err


def test_the_queue_alone(folder, command):
    answered(folder / ".insource", documents(NEW, 12, seed=2), confidence=0.2)
    code, out, err = command("--to-label")
    assert (code, out) == (0, "")
    assert "10 documents to label next (0.3 hours, $13.33)." in err
    assert "The model was not sure enough: 0.20 (low-confidence)." in err
    assert "Next: insource dataset review --queue to-label" in err
    assert json.loads(command("--to-label", "--json")[1])["queue"]["rows"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dry-run", "--history"), "Give one of"),
        (("--now", "x", "--to-label"), "Give one of"),
        (("--max-usd", "inf"), "is no amount"),
    ],
)
def test_what_cannot_be_meant_is_refused(command, arguments, said):
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_purge_takes_the_rows_of_its_calls_along(folder, command, capsys):
    calls = correct(folder, 20)
    command("--to-label")
    path = folder / ".insource" / FRESH
    assert len(read_fresh(path)) == 20
    main(["logs", "purge", "--id", calls[0], "--id", calls[1], "--yes"])
    assert f"Removed 2 rows for retraining from {FRESH}." in capsys.readouterr().err
    assert len(read_fresh(path)) == 18
    text = documents(NEW, 20, seed=1)[0][0]
    assert text.encode() not in path.read_bytes()


def test_the_cycle_feeds_the_decision(folder, command, capsys):
    """One cycle with 20 reviewed labels: the economics take it in the place of the assumption."""
    from support.walks import session_on

    from insource.workflow.cycles import cycles, keep_cycle

    correct(folder, 150)
    command()
    session = session_on(folder)
    (cycle,) = cycles(session)
    cost = cycle.cost.model_copy(update={"labels": 20, "cloud_usd": 3.5})
    keep_cycle(session, cycle.model_copy(update={"cost": cost}))
    with pytest.raises(SystemExit):
        main(["decide", "--json"])
    (decision,) = json.loads(capsys.readouterr().out)["decisions"]
    weighed = [one["economics"]["assumptions"] for one in decision["options"] if one["economics"]]
    found = {one["name"]: one for one in weighed[0]}
    assert found["retraining_labels"]["value"] == 20
    assert found["retraining_labels"]["source"] == "the retrainings so far"
    assert found["retraining_usd"]["value"] == pytest.approx(3.5, abs=0.1)
    assert found["retrainings_per_year"]["origin"] == "default", "one cycle says nothing about a year"
