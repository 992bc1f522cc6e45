"""The profiles of a project's log, as a command makes them: its contract, its rules, and nothing sent."""

import sys
from pathlib import Path

import pytest
from support.outward import Watched
from support.planted_logs import changed, orders, stored, tickets
from support.walks import FakeDisplay, session_on

from insource.foundation.errors import UserError
from insource.logs.recorder import STORE_FILE, Recorder
from insource.workflow.profile import profile_project

CONFIG = """
[task]
name = "orders"
labels = ["billing", "technical", "shipping", "returns"]
privacy = "local-only"
"""
CHILD = """
import sys
from pathlib import Path
from insource.config.loading import load
from insource.workflow.profile import profile_project
from insource.workflow.project import Project
from insource.workflow.session import Display, Session
class Silent(Display):
    pass
found = profile_project(Session(Project.of(load(Path("insource.toml"))), Silent(), "insource decide"))
(one,) = found.profiles
print(one.task, one.rungs[1].name, one.constant.trimming_usd_per_month.measured)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "insource.toml").write_text(CONFIG)
    (tmp_path / ".insource").mkdir()
    stored(tmp_path / ".insource" / STORE_FILE, tickets(days=10))
    return tmp_path


def test_a_local_only_task_is_profiled_without_any_connection(folder, tmp_path):
    """Prices, rungs and all, in a process whose connections are counted."""
    watched = Watched([sys.executable, "-c", CHILD], {}, folder, tmp_path / "log")
    out, err = watched.process.communicate(timeout=120)
    assert watched.process.returncode == 0, err
    assert out.split() == ["orders", "labels-ngrams", "True"]
    assert watched.beyond_loopback() == []


def test_the_contract_of_the_project_is_that_of_its_task(folder):
    display = FakeDisplay()
    (found,) = profile_project(session_on(folder, display)).profiles
    assert display.stages == ["log"]
    assert "profile orders" in display.notes
    assert found.data.labels == {"billing": 67, "shipping": 66, "technical": 67}
    assert [one.name for one in found.rungs] == ["floor", "labels-ngrams"]


def test_answers_that_do_not_fit_the_contract_are_counted(folder):
    odd = [
        changed(
            one, call_id=f"odd-{one.call_id}", response_text=f"Sorry, no desk fits this message {number}."
        )
        for number, one in enumerate(tickets(days=2, seed=9))
    ]
    stored(folder / ".insource" / STORE_FILE, odd)
    (found,) = profile_project(session_on(folder)).profiles
    assert "40 answers do not fit the contract" in found.rungs_note
    assert found.rungs[0].rows == 200


def test_calls_that_wait_in_the_spool_are_read_too(folder):
    with Recorder.open(folder / ".insource") as recorder:
        recording = recorder.begin({"messages": []}, model_asked="gpt-4o-mini", task="late")
        recording.end(response_text="x")
    found = profile_project(session_on(folder))
    assert found.calls == 201


def test_nothing_is_left_in_the_workspace(folder):
    before = files(folder)
    profile_project(session_on(folder))
    assert files(folder) == before


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    )


def test_a_project_without_a_log_says_so(tmp_path):
    (tmp_path / "insource.toml").write_text(CONFIG)
    with pytest.raises(UserError) as caught:
        profile_project(session_on(tmp_path))
    assert caught.value.code == "no-log"
    assert not (tmp_path / ".insource").exists()


def test_a_latency_that_is_needed_is_compared(folder):
    (found,) = profile_project(session_on(folder), need_s={"orders": 0.9}).profiles
    assert found.waiting.need_s == 0.9
    assert 0 < found.waiting.within_need.value < 1


def test_the_log_of_another_task_is_profiled_beside_it(folder):
    stored(
        Path(folder) / ".insource" / STORE_FILE,
        [changed(one, task="parts", call_id=f"p{one.call_id}") for one in orders(a_day=4, days=10)],
    )
    found = profile_project(session_on(folder))
    assert [one.task for one in found.profiles] == ["orders", "parts"]
    assert found.profiles[1].narrowness.answers == "json"
