"""Evaluations of earlier versions are read back: their keys counted a library, their arms had no role."""

import json

import pytest
from pydantic import ValidationError
from support.example_results import example_result

from insource.evaluation.stage import FORMER_LIBRARIES, LIBRARIES, NOT_MEASURED_WITH
from insource.export import stage as export
from insource.foundation.canonical import digest
from insource.runs import folders
from insource.runs.folders import MANIFEST, RunStore, StageSpec, installed
from insource.training import stage as training
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
    result = example_result()
    kept = result.model_dump(mode="json")
    for evaluation in kept["evaluations"]:
        for stated in ("role", "local", "simulated"):
            del evaluation["arm"][stated]
    read = RunResult.model_validate_json(json.dumps(kept))
    assert read == result
    assert {one.arm.role for one in read.evaluations} == {"candidate", "baseline", "reference"}


def test_an_arm_of_another_kind_has_to_state_its_role():
    with pytest.raises(ValidationError, match="an arm of kind 'flor' has to state its role"):
        Arm(name="floor", model="m", kind="flor")


# The keys that commit a5c8007 gave to these specs, with the versions below.
VERSIONS = {"torch": "2.13.0", "trl": "1.16.1", "numpy": "2.4.0", "python-dateutil": "2.9.0"}
TRAIN = StageSpec(
    stage="train",
    version=3,
    inputs={"dataset": "d" * 64, "base": "b" * 64},
    config={
        "section": {"epochs": None, "rank": 16},
        "task": {"name": "specs", "output": {"kind": "labels", "names": ["a", "ü"]}},
    },
    seed=7,
    libraries=("torch", "transformers", "peft", "trl"),
)
EXPORT = StageSpec(
    stage="export",
    version=2,
    inputs={"base": "b" * 64, "train": "e" * 64},
    config={
        "instruction": "Extract the fields.",
        "parity_prompts": 4,
        "max_new_tokens": 96,
        "context_tokens": 2048,
    },
    seed=0,
    libraries=("gguf", "xllamacpp", "torch", "transformers", "peft"),
)
TUNED = Arm(name="tuned", model="m", kind="tuned", role="candidate", local=True, constrained=True)
EVALUATE = StageSpec(
    stage="evaluate",
    version=2,
    inputs={"base": "b" * 64, "examples": "f" * 64},
    config={"arm": TUNED.model_dump(exclude=NOT_MEASURED_WITH), "split": "test"},
    seed=0,
    libraries=("xllamacpp", "llguidance", "numpy", "scipy", "jsonschema-rs", "pint", "python-dateutil"),
)


@pytest.mark.parametrize(
    ("spec", "key"),
    [
        (TRAIN, "b594b8a76af1cabeb3b639539a34a900e0b3bcf324cc83726bf43e0444d3e50b"),
        (EXPORT, "25f0eb5c3617e4be080e0e11d158e1bcd3589f451670b5c2c133a03d461d5206"),
        (EVALUATE, "86fc033c92508ebb5ab53b1bc15dc96470bf74f650bd7de506ef7f6023fa4be4"),
    ],
    ids=["train", "export", "evaluate"],
)
def test_keys_are_those_of_the_version_before(monkeypatch, spec, key):
    monkeypatch.setattr(folders, "installed", lambda name: VERSIONS.get(name, "1.0"))
    assert spec.key() == key


def test_stages_count_what_they_counted():
    for stage, spec in ((training, TRAIN), (export, EXPORT)):
        assert spec.version < stage.VERSION  # control tokens in texts are text since then
        assert set(spec.libraries) <= set(stage.LIBRARIES)
    assert (*LIBRARIES, *FORMER_LIBRARIES) == EVALUATE.libraries


def test_a_damaged_manifest_of_a_former_run_is_no_run_of_this_spec(tmp_path):
    write_former(tmp_path, "2.9.0")
    path = tmp_path / "runs" / "r1" / MANIFEST
    manifest = json.loads(path.read_text())
    del manifest["environment"]
    path.write_text(json.dumps(manifest))
    assert RunStore(tmp_path).find(SPEC) is None
