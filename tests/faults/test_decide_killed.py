"""``insource decide`` that is killed, or runs twice at once: the next one says the same, from whole files."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.planted_logs import orders, stored

from insource.logs.recorder import STORE_FILE
from insource.types.decided import Decision

COMMAND = [sys.executable, "-m", "insource.cli.main", "decide", "--json"]


@pytest.fixture
def begin(tmp_path):
    """Starts the command on a log in a folder of this name."""

    def start(name):
        folder = tmp_path / name
        if not folder.exists():
            (folder / ".insource").mkdir(parents=True)
            (folder / "insource.toml").write_text('[task]\nname = "orders"\n')
            stored(folder / ".insource" / STORE_FILE, orders(a_day=2))
        return folder, subprocess.Popen(
            COMMAND, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def finish(child):
    """What a decision says, without when it was made and what the machine's speed decides."""
    out, err = child.communicate(timeout=120)
    assert "Traceback" not in err, err
    (found,) = json.loads(out)["decisions"]
    return {name: found[name] for name in ("verdict", "kills", "options", "questions")}


def whole(folder):
    """Every file of a decision that is there, read as what its name says."""
    for path in (folder / ".insource" / "decisions").rglob("*"):
        if path.name == "decision.json":
            Decision.model_validate_json(path.read_text(encoding="utf-8"))
        elif path.name == "decision.html":
            assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


@pytest.mark.slow
def test_a_killed_decision_leaves_nothing_half_written_that_is_taken_for_whole(begin):
    started = time.monotonic()
    expected = finish(begin("whole")[1])
    took = time.monotonic() - started
    kills = 0
    for part in (0.6, 0.9):
        folder, child = begin("killed")
        time.sleep(part * took)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
            kills += 1
        child.communicate()
        whole(folder)
    assert kills
    folder, child = begin("killed")
    assert finish(child) == expected
    whole(folder)
    left = [path.name for path in (folder / ".insource").rglob("*.partial")]
    assert left == []


def test_of_two_at_once_each_is_whole_or_says_that_the_other_works(begin):
    folder, one = begin("both")
    _, other = begin("both")
    ended = [child.communicate(timeout=120) for child in (one, other)]
    codes = [one.returncode, other.returncode]
    assert set(codes) & {3, 4}, ended
    for code, (out, err) in zip(codes, ended, strict=True):
        assert "Traceback" not in err
        assert json.loads(out)["decisions"] if code in (3, 4) else "Another process is already working" in err
    whole(folder)
