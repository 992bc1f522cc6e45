"""Evaluations of earlier versions are read back: their keys counted a library, their arms had no role."""

import json

import pytest

from insource.evaluation.stage import FORMER_LIBRARIES, LIBRARIES, NOT_MEASURED_WITH
from insource.foundation.canonical import digest
from insource.runs.folders import MANIFEST, RunStore, StageSpec, installed
from insource.types import Arm, RunResult

SPEC = StageSpec(
    stage="evaluate",
    version=2,
    inputs={"base": "b" * 64},
    config={"split": "test"},
    seed=0,
    libraries=LIBRARIES,
    former_libraries=FORMER_LIBRARIES,
)


def write_former(folder, dateutil, **packages):
    """A run folder as the version before wrote it, with ``python-dateutil`` among what counts."""
    versions = {name: installed(name) for name in LIBRARIES} | {"python-dateutil": dateutil} | packages
    spec = SPEC.model_dump(mode="json") | {"libraries": list(versions)}
    manifest = {
        "run_id": "r1",
        "stage": "evaluate",
        "key": digest(spec | {"libraries": versions}),
        "spec": spec,
        "seconds": 1.0,
        "environment": {"packages": versions},
        "outputs": [],
        "result": {"n": 3},
    }
    (folder / "runs" / "r1").mkdir(parents=True)
    (folder / "runs" / "r1" / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize("dateutil", ["2.9.0", "absent"])
def test_a_run_whose_key_counted_python_dateutil_still_matches(tmp_path, dateutil):
    write_former(tmp_path, dateutil)
    run = RunStore(tmp_path).run(SPEC, lambda folder: pytest.fail("evaluated again"))
    assert (run.run_id, run.skipped, run.result) == ("r1", True, {"n": 3})


def test_another_version_of_what_still_counts_is_another_run(tmp_path):
    write_former(tmp_path, "2.9.0", numpy="0.1")
    assert RunStore(tmp_path).find(SPEC) is None


def test_the_key_of_an_arm_holds_what_it_held_before_arms_had_roles():
    arm = Arm(name="tuned", model="m", kind="tuned", role="candidate", local=True, constrained=True)
    kept = arm.model_dump(exclude=NOT_MEASURED_WITH)
    assert kept.keys() == {"name", "model", "kind", "constrained", "description", "assumed_latency_s"}


@pytest.mark.parametrize(
    ("kind", "role", "local", "simulated"),
    [
        ("tuned", "candidate", True, False),
        ("base", "baseline", True, False),
        ("cloud", "reference", False, False),
        ("simulated", "reference", False, True),
    ],
)
def test_an_arm_without_a_role_has_the_one_its_kind_meant(kind, role, local, simulated):
    arm = Arm.model_validate({"name": "a", "model": "m", "kind": kind})
    assert (arm.role, arm.local, arm.simulated) == (role, local, simulated)


def test_a_stated_role_stands():
    arm = Arm(name="a", model="m", kind="tuned", role="baseline")
    assert (arm.role, arm.local) == ("baseline", False)


def test_a_kept_result_without_roles_is_read():
    schema = RunResult.model_json_schema()["$defs"]["Arm"]
    assert schema["required"] == ["name", "model", "kind"]
