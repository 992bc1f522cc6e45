"""What a walk through the loop keeps."""

from pathlib import Path

from support.walks import FakeDisplay, session_on

from insource.runs.folders import Run


def test_a_stage_read_back_says_so(project):
    display = FakeDisplay()
    walk = session_on(project(), display)
    manifest = {"key": "k" * 64, "seconds": 1.5, "result": {}}
    walk.done(Run(stage="train", run_id="r1", path=Path("runs/r1"), manifest=manifest))
    assert display.notes == []
    walk.done(Run(stage="train", run_id="r1", path=Path("runs/r1"), manifest=manifest, skipped=True))
    assert "Skipped: r1" in display.notes[0]
    assert [stage.skipped for stage in walk.stages] == [False, True]
    assert walk.stages[0].path == "r1"


def test_each_walk_is_its_own_look(project):
    folder = project()
    assert session_on(folder).look_id != session_on(folder).look_id
