"""The vLLM engine against a real vLLM, if ``INSOURCE_VLLM`` names its command (0.32.0 for CPUs was used)."""

import json
import os
import socket
import subprocess
import time

import httpx2
import pytest

from insource.contract.grammar import compile_grammar
from insource.foundation.errors import InsourceError
from insource.models.protocol import Request
from insource.serving.engine import EngineSettings
from insource.serving.shared_engine import SharedEngine
from insource.training.base import unpacked
from insource.types import Message

COMMAND = os.environ.get("INSOURCE_VLLM", "")
START_S = 420
SCHEMA = {
    "type": "object",
    "properties": {"voltage": {"type": "string", "maxLength": 8}},
    "required": ["voltage"],
    "additionalProperties": False,
}
pytestmark = pytest.mark.skipif(not COMMAND, reason="INSOURCE_VLLM names no vLLM")


@pytest.fixture(scope="module")
def url(embedded_model):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "OMP_NUM_THREADS"}
    }
    environment |= {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment |= {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    command = [COMMAND, "serve", str(unpacked(embedded_model)), "--port", str(port), "--host", "127.0.0.1"]
    command += ["--enable-lora", "--max-lora-rank", "64", "--structured-outputs-config.backend", "guidance"]
    command += ["--max-model-len", "512", "--enforce-eager"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + START_S
    try:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200:
                    break
            except httpx2.HTTPError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def adapter(embedded_model, tmp_path_factory):
    """An adapter with random weights, as PEFT writes it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from insource.training.base import load_model

    config = LoraConfig(r=8, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("export") / "adapter"
    get_peft_model(load_model(embedded_model, torch.float32), config).save_pretrained(str(folder))
    return folder


def test_an_adapter_is_loaded_answers_under_the_grammar_and_is_unloaded(embedded_model, url, adapter):
    settings = EngineSettings(
        gguf=embedded_model.gguf, kind="vllm", url=url, alias="specs", context_tokens=512
    )
    asked = Request(
        messages=(Message(role="user", content="The pump takes 480 V."),),
        max_tokens=20,
        grammar=compile_grammar(SCHEMA).text,
        top_logprobs=20,
    )

    def served():
        return [model["id"] for model in httpx2.get(f"{url}/v1/models", trust_env=False).json()["data"]]

    with SharedEngine(settings, {"specs@1": adapter}) as shared:
        assert len(served()) == 2
        for name in ("specs@1", None):
            completion = shared.model("m", name).generate(asked)
            assert json.loads(completion.text).keys() == {"voltage"}
            assert b"".join(token.bytes for token in completion.tokens).decode() == completion.text
            assert all(token.logprob <= 0 for token in completion.tokens)
        with pytest.raises(InsourceError) as caught:
            shared.model("m", None).generate(
                asked.model_copy(update={"messages": (Message(role="user", content="word " * 900),)})
            )
        assert caught.value.code == "prompt-too-long"
        shared.load({"specs@2": adapter})
        assert len(served()) == 2
        assert shared.model("m", "specs@2").generate(asked).text
    assert len(served()) == 1
