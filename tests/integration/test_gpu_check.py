"""The prepared check of a card: its code on a CPU with a tiny model; without a card it measures nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.model, pytest.mark.slow]
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu_check.py"


def claims(folder, *options):
    written = folder / "claims.json"
    command = [sys.executable, SCRIPT, "--json", written, *options]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return {claim["name"]: claim for claim in json.loads(written.read_text())["claims"]}


def test_the_script_trains_compares_and_exports_a_tiny_model(tmp_path):
    found = claims(tmp_path, "--cpu-smoke")
    for method in ("lora", "full"):
        for figure in ("Insource", "stock TRL", "peak memory", "planned memory", "times stock"):
            assert found[f"random-tiny, {method}: {figure}"]["value"] > 0
        assert found[f"random-tiny, {method}: export, equal tokens"]["holds"]
    assert found["random-tiny, qlora: Insource"]["value"] is None


def test_without_a_card_everything_reads_not_measured(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    found = claims(tmp_path)
    assert len(found) == 6
    assert {claim["value"] for claim in found.values()} == {None}
