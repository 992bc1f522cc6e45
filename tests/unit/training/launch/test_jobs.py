"""Job files of Ray and SkyPilot, read back by a shell and a YAML parser."""

import json
import shlex
import subprocess
import sys

import pytest
import yaml
from support.recipes import SMOLLM2_135M, recipe

from insource.foundation.errors import PrerequisiteError
from insource.training.launch.jobs import Job, card_sizes, job_file, smallest_card, train_command

LARGE = SMOLLM2_135M.model_copy(
    update={"layers": 36, "hidden": 2560, "feed_forward": 9728, "vocabulary": 151_936, "query": 4096}
)


def job(shape=SMOLLM2_135M, **section):
    card, planned = smallest_card(lambda machine: recipe(machine=machine, shape=shape, **section))
    command = train_command(f"insource train --launcher ray --processes {planned.processes} --seed 3")
    return Job("it's routing", "qwen3-4b", command, ".insource", card, planned, pulled=True)


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("insource train --launcher ray", "insource train --yes"),
        ("insource train --launcher=skypilot --steps 20", "insource train --steps 20 --yes"),
        ("insource train --yes --launcher ray --rank 8", "insource train --yes --rank 8"),
        ("insource train --config 'my tasks/a.toml'", "insource train --config 'my tasks/a.toml' --yes"),
    ],
)
def test_a_job_runs_what_was_typed_less_the_launcher(typed, command):
    assert train_command(typed) == shlex.split(command)


def test_the_card_is_the_smallest_on_which_the_plan_fits():
    assert job().card == card_sizes()[0]
    assert job(LARGE, method="qlora").card == card_sizes()[0]
    full = job(LARGE, method="full", optimizer="adamw").card
    assert full.machine.memory_bytes > card_sizes()[0].machine.memory_bytes
    assert recipe(machine=full.machine, shape=LARGE, method="full", optimizer="adamw").fits
    with pytest.raises(PrerequisiteError) as caught:
        job(LARGE.model_copy(update={"layers": 400}), method="full")
    assert caught.value.code == "no-card-fits"


def test_sharded_weights_fit_on_a_smaller_card():
    whole = job(LARGE, method="full", optimizer="adamw", processes=8).card
    shared = job(LARGE, method="full", optimizer="adamw", processes=8, sharded=True).card
    assert shared.machine.memory_bytes < whole.machine.memory_bytes


def test_skypilot_reads_the_job():
    made = yaml.safe_load(job_file("skypilot", job(method="qlora", processes=2)))
    assert made["name"] == "it's routing"
    assert made["resources"]["accelerators"] == dict.fromkeys(card_sizes()[0].names, 2)
    assert made["file_mounts"] == {"~/sky_workdir/.insource": "./.insource"}
    assert "bitsandbytes" in shlex.split(made["setup"])
    pull, run = made["run"].splitlines()
    assert pull == "insource models pull qwen3-4b"
    assert run == "insource train --processes 2 --seed 3 --yes"


RAY = """#!{python}
import json, subprocess, sys
given = sys.argv[1:]
entry = given.index("--")
print(json.dumps(given[:entry]))
sys.stdout.flush()
# As `ray job submit` joins the words, and a node's shell reads them
sys.exit(subprocess.run(subprocess.list2cmdline(given[entry + 1 :]), shell=True).returncode)
"""


def test_ray_runs_the_job_and_leaves_its_result_where_all_nodes_see_it(tmp_path):
    """Stand-ins for ``ray`` and ``insource``; every shell between them is a real one."""
    for name, text in (
        ("ray", RAY.format(python=sys.executable)),
        ("insource", '#!/bin/sh\necho "$@" >> .insource/runs/asked\n'),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / ".insource" / "runs").mkdir(parents=True)
    (tmp_path / "results of all").mkdir()
    (tmp_path / "job.sh").write_text(job_file("ray", job(processes=2)))

    def sh(*arguments):
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        command = ["sh", "job.sh", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    ran = sh(str(tmp_path / "results of all"))
    assert ran.returncode == 0, ran.stderr
    given = json.loads(ran.stdout)
    assert given[:2] == ["job", "submit"]
    assert given[given.index("--entrypoint-num-gpus") + 1] == "2"
    assert "bitsandbytes" not in json.loads(given[given.index("--runtime-env-json") + 1])["pip"]
    asked = (tmp_path / "results of all" / "asked").read_text().splitlines()
    assert asked == ["models pull qwen3-4b", "train --processes 2 --seed 3 --yes"]
    without = sh()
    assert without.returncode != 0
    assert "a folder that all nodes see" in without.stderr
