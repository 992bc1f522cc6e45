"""Real answers of five runs, scored as their paper did: the published micro-F1, and ours beside it.

The folder of OA-Mine stands beside the one that ``INSOURCE_API_LOGS`` names.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("INSOURCE_API_LOGS", "")).parent / "extractgpt_oamine"
BENCH = Path(__file__).parents[2] / "benchmarks" / "bench_evaluation.py"


@pytest.mark.skipif(not (FOLDER / "runs.json").exists(), reason=f"no recorded answers in {FOLDER}")
def test_the_published_micro_f1_of_every_run_is_reproduced(tmp_path):
    command = [sys.executable, BENCH, "--recorded", FOLDER, "--json", tmp_path / "claims.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    claims = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))["claims"]
    published = json.loads((FOLDER / "runs.json").read_text(encoding="utf-8"))
    assert len(claims) == len(published) == 5
    assert all(claim["holds"] for claim in claims), done.stdout
    for run, about in published.items():
        assert f"| {run} | {about['micro']['micro']['micro_f1']:.2f} |" in done.stdout
