"""Training that is stopped, by Ctrl-C or by force: the same command goes on and ends with the same bytes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.model_files import EMPTY_GGUF

STEPS_BEFORE_THE_STOP = 30
CONFIG = """
[task]
labels = ["billing", "delivery", "technical"]
[training]
model = "gguf/tiny.gguf"
epochs = 30
batch_size = 4
learning_rate = 0.0003
scored_documents = 0
"""
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<eos>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A random Llama of two layers and a byte tokenizer, where the trainer looks for unpacked weights."""
    import torch
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    cache = tmp_path_factory.mktemp("cache")
    folder = cache / "unpacked" / hashlib.sha256(EMPTY_GGUF).hexdigest()[:16]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {"<pad>": 0, "<eos>": 1} | {letter: 2 + index for index, letter in enumerate(alphabet)}
    tokenizer = Tokenizer(BPE(words, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", pad_token="<pad>", chat_template=TEMPLATE
    ).save_pretrained(folder)
    torch.manual_seed(0)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=1,
            eos_token_id=1,
            pad_token_id=0,
        )
    ).save_pretrained(folder)
    return cache


@pytest.fixture(scope="module")
def begin(cache, rows):
    """Starts `insource train --json` in a folder with the tiny model and 24 rows."""

    def start(folder):
        folder.mkdir(exist_ok=True)
        splits = ["train"] * 16 + ["validation"] * 4 + ["calibration"] * 2 + ["test"] * 2
        lines = [row | {"split": split} for row, split in zip(rows.tickets(24), splits, strict=True)]
        (folder / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "insource.toml").write_text(CONFIG)
        (folder / "tiny.gguf").write_bytes(EMPTY_GGUF)
        return subprocess.Popen(
            [sys.executable, "-m", "insource.cli.main", "train", "--json"],
            cwd=folder,
            env=os.environ | {"INSOURCE_CACHE": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finish(child):
    out, err = child.communicate(timeout=1200)
    assert "Traceback" not in err, err
    return child.returncode, out, err


def outcome(folder):
    """The adapter's bytes and the curve's losses of the one complete training run."""
    (run,) = (folder / ".insource" / "runs").glob("*-train-*")
    result = json.loads((run / "manifest.json").read_text())["result"]
    losses = [(point["step"], point["loss"], point["validation_loss"]) for point in result["curve"]]
    return (run / "adapter" / "adapter_model.safetensors").read_bytes(), losses


@pytest.fixture(scope="module")
def undisturbed(begin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    code, _, err = finish(begin(folder))
    assert code == 0, err
    return outcome(folder)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_the_same_command_goes_on_where_it_stopped(begin, undisturbed, tmp_path, number, exit_code):
    child = begin(tmp_path)
    stop_after_a_checkpoint(child, tmp_path, number)
    code, out, err = finish(child)
    assert code == exit_code
    assert out == ""
    if number == signal.SIGINT:
        assert "Training was stopped at step" in err
        assert "Run the same command again" in err
    runs = tmp_path / ".insource" / "runs"
    assert list(runs.glob("*-train-*/manifest.json")) == []
    (partial,) = runs.glob(".train-*.partial")
    reached = max(int(path.name.rpartition("-")[2]) for path in partial.glob("checkpoints/checkpoint-*"))

    resumed = begin(tmp_path)
    code, out, err = finish(resumed)
    assert code == 0, err
    done = json.loads(out)
    assert done["steps"] == done["planned_steps"] == 120
    steps_shown = [int(line.split("/")[0]) for line in err.splitlines() if "/120  " in line]
    assert steps_shown
    assert min(steps_shown) > reached  # what was done before the stop is not done again
    assert outcome(tmp_path) == undisturbed


def stop_after_a_checkpoint(child, folder, number):
    deadline = time.monotonic() + 200
    pattern = ".insource/runs/.train-*.partial/checkpoints/checkpoint-*/trainer_state.json"
    while time.monotonic() < deadline and child.poll() is None:
        if any(int(path.parent.name[11:]) >= STEPS_BEFORE_THE_STOP for path in folder.glob(pattern)):
            child.send_signal(number)
            return
        time.sleep(0.02)
    child.kill()
    pytest.fail(f"no checkpoint came: {child.communicate()[1]}")
