"""Results on standard output, everything else on standard error; ``--json`` is one document, always."""

import json
import os
import pty
import shutil
import subprocess
import sys


def document(done):
    """The one JSON document on standard output."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_the_state_of_an_empty_project(project, insource):
    project()
    found = document(insource("status", "--json"))
    assert found["schema_version"] == 1
    assert found["runs"] == {"train": [], "export": [], "evaluate": [], "run": []}
    assert found["next"] == "insource run"


def test_a_dataset_is_built_as_one_document_and_shown_in_the_status(project, rows, insource):
    project(rows.tickets(30))
    manifest = document(insource("dataset", "build", "--json"))
    assert manifest["output"] == {"kind": "labels", "names": list(rows.labels), "inferred": True}
    assert sum(manifest["counts"].values()) == 30
    (folder,) = document(insource("status", "--json"))["datasets"]
    assert manifest["digest"].startswith(folder.rpartition("@")[2])


def test_the_same_rows_and_seed_make_the_same_dataset(project, rows, insource):
    folder = project(rows.pumps(30))
    first = insource("dataset", "build", "--json")
    assert insource("dataset", "build", "--json").stdout == first.stdout
    assert insource("dataset", "build", "--json", "--seed", "1").stdout == first.stdout  # splits are stored
    shutil.rmtree(folder / ".insource" / "splits")
    assert insource("dataset", "build", "--json", "--seed", "1").stdout != first.stdout


def test_without_json_the_funnel_is_printed_and_the_next_step_is_said(project, rows, insource):
    project(rows.tickets(30))
    done = insource("dataset", "build")
    assert done.stdout.split()[:1] == ["step"]
    assert "Next: insource train" in done.stderr


def test_quiet_says_results_only(project, rows, insource):
    project(rows.tickets(30))
    loud, quiet = insource("dataset", "build"), insource("dataset", "build", "-q")
    assert "read the rows and split them" in loud.stderr
    assert "read the rows and split them" not in quiet.stderr


def test_every_setting_with_its_origin(project, insource):
    project(config="[training]\nepochs = 2\n")
    found = document(insource("config", "show", "--json", env={"INSOURCE_TRAINING__RANK": "4"}))
    assert found["values"]["training.epochs"] == 2
    assert found["origins"]["training.epochs"] == "file"
    assert found["origins"]["training.rank"] == "environment"
    assert found["origins"]["training.model"] == "default"
    shown = insource("config", "show", "--origin")
    assert "training.epochs = 2.0  # file" in shown.stdout


def test_init_writes_what_the_loop_reads(tmp_path, insource):
    done = insource("init", "--name", "orders", "--data", "orders.jsonl", "--instruction", 'Say "où"')
    assert done.returncode == 0
    assert "put your rows into orders.jsonl" in done.stderr
    values = document(insource("config", "show", "--json"))["values"]
    assert values["task.name"] == "orders"
    assert values["task.instruction"] == 'Say "où"'
    assert values["dataset.path"] == "orders.jsonl"


def test_a_pipe_gets_no_colour(refuses):
    assert "\x1b" not in refuses("run", code="no-config")


def on_a_terminal(cwd, **env):
    """Standard error of `insource run` without a configuration, on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "insource.cli.main", "run"],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if key != "NO_COLOR"} | env,
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    return said


def test_a_terminal_gets_colour_unless_it_wants_none(tmp_path):
    assert "\x1b[" in on_a_terminal(tmp_path)
    assert "\x1b[" not in on_a_terminal(tmp_path, NO_COLOR="1")
