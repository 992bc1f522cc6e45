"""``insource decide`` on a local-only task, in a process whose connections are counted: nothing leaves."""

import json
import sys
from pathlib import Path

import pytest
from support.outward import Watched
from support.planted_logs import changed, stored, tickets

from insource.logs.recorder import STORE_FILE

TESTS = Path(__file__).parents[1]
PAID = """
[reference]
model = "openai/gpt-4o"
base_url = "https://api.example.com/v1"
api_key_env = "A_KEY"
with_schema = true
[[reference.also]]
model = "openai/gpt-4o-mini"
base_url = "https://tier.example.com/v1"
api_key_env = "A_KEY"
[[reference.decisions]]
model = "openai/decider"
base_url = "https://decisions.example.com/v1"
api_key_env = "A_KEY"
"""
# The tuned model is stood in for, as in tests/unit/test_pipeline.py: everything else is the real command.
CHILD = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from support.arms import made_of
from insource import pipeline
from insource.cli.main import main
from insource.workflow import depths
def stand_in(session, dataset, task):
    return made_of(task, Path("engine"), [one for split in dataset.splits.values() for one in split])
pipeline.make_model = depths.make_model = stand_in
main(["decide", *sys.argv[1:]])
"""


@pytest.fixture
def decide(tmp_path):
    """Run the command with a key at hand; return the exit code, its decisions, and whom it tried to reach."""

    def run(*arguments):
        command = [sys.executable, "-c", CHILD, *arguments, "--json", "--yes"]
        watched = Watched(command, {"A_KEY": "secret"}, tmp_path, tmp_path.parent / f"{tmp_path.name}.log")
        out, err = watched.process.communicate(timeout=240)
        assert "Traceback" not in err, err
        decisions = json.loads(out)["decisions"] if out else []
        return watched.process.returncode, decisions, err, watched.beyond_loopback()

    return run


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ('[task]\nname = "desk"\nprivacy = "local-only"\n', "desk"),
        # Its calls have another name in the log.
        ('[task]\nname = "desk"\nprivacy = "local-only"\n[dataset.calls]\ntask = "desk-v2"\n', "desk-v2"),
        # No call has the name: a misspelling must not send a document away.
        ('[task]\nname = "dessk"\nprivacy = "local-only"\n', "desk"),
        ('[task]\nname = "other"\n[gateway.tasks.desk]\nprivacy = "local-only"\n', "desk"),
    ],
)
def test_a_log_is_decided_without_a_connection_and_every_cloud_is_ruled_out(decide, tmp_path, config, task):
    (tmp_path / "insource.toml").write_text(config + PAID)
    (tmp_path / ".insource").mkdir()
    stored(tmp_path / ".insource" / STORE_FILE, tickets(a_day=4, task=task))
    code, (found,), err, reached = decide()
    assert reached == []
    assert code == 4, err
    assert found["local_only"]
    for option in found["options"]:
        assert (option["standing"] == "ruled out") == bool(option["leaves"]), option["name"]
    assert not found["options"][0]["leaves"]
    assert found["reference"] == ""


def test_another_task_of_the_same_log_keeps_its_own_rule(decide, tmp_path):
    (tmp_path / "insource.toml").write_text('[task]\nname = "desk"\nprivacy = "local-only"\n')
    (tmp_path / ".insource").mkdir()
    other = [changed(one, call_id=f"o{one.call_id}", task="other") for one in tickets(a_day=4, seed=2)]
    stored(tmp_path / ".insource" / STORE_FILE, [*tickets(a_day=4, task="desk"), *other])
    _, found, _, reached = decide()
    assert reached == []
    assert {one["task"]: one["local_only"] for one in found} == {"desk": True, "other": False}


def test_the_ladder_is_measured_and_decided_without_a_connection(decide, tmp_path, project, rows):
    """With every paid arm configured and a key at hand."""
    lines = rows.tickets(60)
    for n, line in enumerate(lines):
        line["cloud_outputs"] = {"gpt": line["output"] if n % 3 else "somewhere"}
    config = '[task]\nname = "tickets"\nprivacy = "local-only"\n[evaluation]\nbase_documents = 4\n'
    project(lines, config + PAID)
    (tmp_path / "engine").mkdir()
    code, (found,), err, reached = decide("--depth", "ladder")
    assert reached == []
    assert code in (0, 3, 4), err
    assert found["depth"] == "ladder"
    assert found["local_only"]
    for option in found["options"]:
        assert (option["standing"] == "ruled out") == bool(option["leaves"]), option["name"]
    assert "stay with" not in found["verdict"]["sentence"].lower()
