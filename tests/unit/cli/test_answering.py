"""What serve and gateway share: whose tasks are answered, and how long a call may wait."""

from pathlib import Path

import pytest
from support.fitted_models import finished_run

from insource.cli.answering import limits_of, sessions_of
from insource.config.loading import FILE_NAME, load, validate
from insource.gateway.settings import Limits


def test_the_limits_are_those_of_the_configuration():
    assert limits_of(validate({}, "test")) == Limits()
    section = {"max_waiting": 3, "deadline_s": 1.5, "overload": "refuse"}
    assert limits_of(validate({"gateway": section}, "test")) == Limits(
        waiting=3, deadline_s=1.5, overload="refuse"
    )


@pytest.mark.parametrize(
    ("host_has_run", "listed", "given", "run", "needed", "answered"),
    [
        (True, [], [], None, True, ["host"]),
        (False, [], [], None, True, ["host"]),  # its lack of a run is then said
        (False, [], [], None, False, []),
        (False, [], [], "2026", False, ["host"]),  # RUN is one of the host's
        (True, ["a", "b"], [], None, True, ["host", "a", "b"]),
        (False, ["a", "b"], [], None, True, ["a", "b"]),
        (False, ["a", "b"], ["b"], None, False, ["b"]),
        (True, [], ["b"], None, False, ["host", "b"]),
    ],
)
def test_the_host_s_own_task_comes_first(
    tmp_path, monkeypatch, host_has_run, listed, given, run, needed, answered
):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE_NAME).write_text(f"[task]\nname = '{name}'\n")
    (tmp_path / FILE_NAME).write_text(f"[task]\nname = 'host'\n\n[gateway]\nprojects = {listed}\n")
    if host_has_run:
        finished_run(tmp_path / ".insource")
    folders = [Path(name) for name in given]
    found = sessions_of(load(Path(FILE_NAME)), Path(FILE_NAME), folders, run, needed=needed)
    assert [session.config.task.name for session in found] == answered
