"""A new user's walk with a Hugging Face folder of their own: init, name the folder, run, serve."""

import json
import os
import subprocess
import sys

from support.tiny_models import tiny_model

TRAINING = """
[training]
model = "hf/./my-model"
epochs = 3
batch_size = 8
learning_rate = 0.003
scored_documents = 0
"""


def test_a_local_folder_is_the_base_of_the_whole_loop(insource, rows, tmp_path):
    environment = {"INSOURCE_CACHE": str(tmp_path / "cache")}
    tiny_model(tmp_path / "my-model", "qwen3")
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows.tickets(90))
    (tmp_path / "data.jsonl").write_text("".join(lines), encoding="utf-8")
    assert insource("init").returncode == 0
    with (tmp_path / "insource.toml").open("a", encoding="utf-8") as file:
        file.write(TRAINING)
    done = insource("run", "--yes", env=environment)
    assert done.returncode == 0, done.stderr
    (result,) = (tmp_path / ".insource" / "runs").glob("*-run-*/result.json")
    found = json.loads(result.read_text())
    assert found["training"]["base_model"] == "hf/./my-model"
    assert found["parity"]["passed"]
    assert any("my-model" in arm["arm"]["model"] for arm in found["evaluations"])

    served = subprocess.Popen(
        [sys.executable, "-m", "insource.cli.main", "serve"],
        cwd=tmp_path,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert served.stdout.readline().startswith("http://127.0.0.1:")
    finally:
        served.terminate()
        served.communicate(timeout=60)
