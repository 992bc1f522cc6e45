"""An adapter served by llama.cpp answers as it does in PyTorch; the gate sees when it does not."""

import pytest

from insource.export import adapter_gguf
from insource.export.adapter_gguf import read_base, write_adapter
from insource.export.parity import check_parity
from insource.export.stage import modelfile_of
from insource.foundation.errors import IntegrityError
from insource.serving.engine import EngineSettings
from insource.serving.supervisor import ServedModel, usable_cores
from insource.training.base import load_tokenizer
from insource.training.tokenize import chat_render

ANSWER_TOKENS = 12


@pytest.fixture(scope="module")
def adapter(embedded_model, tmp_path_factory):
    """A LoRA adapter on every linear layer with random weights: it changes every answer.

    Attention gets the larger ones: the order of rotary weights has to matter for a test to see it.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    from insource.training.base import load_model

    torch.manual_seed(5)
    model = get_peft_model(
        load_model(embedded_model, torch.float32),
        LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=32, target_modules="all-linear"),
    )
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            rotary = "q_proj" in name or "k_proj" in name
            torch.nn.init.normal_(weights, std=0.1 if rotary else 0.01)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def prompts(rows):
    return rows.examples(rows.pumps(3))


def served(base, gguf, adapter=0):
    settings = EngineSettings(gguf=base.gguf, adapters=(gguf,), threads=usable_cores(), context_tokens=512)
    return ServedModel("tuned", settings, adapter=adapter)


def test_what_is_served_answers_as_what_was_trained(embedded_model, adapter, example_task, prompts, tmp_path):
    gguf = tmp_path / "adapter.gguf"
    layers = read_base(embedded_model.gguf).blocks
    assert write_adapter(adapter, embedded_model.gguf, gguf) == layers * 7 * 2  # seven linear layers, A and B
    with served(embedded_model, gguf) as model:
        found = check_parity(embedded_model, adapter, model.model, example_task, prompts, ANSWER_TOKENS)
        assert found.passed
        assert found.prompt_tokens_equal
        assert found.tokens > ANSWER_TOKENS


def test_the_gate_sees_an_adapter_that_is_not_there(embedded_model, adapter, example_task, prompts, tmp_path):
    gguf = tmp_path / "adapter.gguf"
    write_adapter(adapter, embedded_model.gguf, gguf)
    with served(embedded_model, gguf, adapter=None) as model, pytest.raises(IntegrityError) as caught:
        check_parity(embedded_model, adapter, model.model, example_task, prompts, ANSWER_TOKENS)
    assert caught.value.code == "parity-failed"


def test_the_gate_sees_rotary_weights_in_the_wrong_order(
    embedded_model, adapter, example_task, prompts, tmp_path, monkeypatch
):
    """The commonest silent mistake of an adapter export."""
    gguf = tmp_path / "adapter.gguf"
    monkeypatch.setattr(adapter_gguf, "permute", lambda matrix, heads: matrix)
    write_adapter(adapter, embedded_model.gguf, gguf)
    with served(embedded_model, gguf) as model, pytest.raises(IntegrityError) as caught:
        check_parity(embedded_model, adapter, model.model, example_task, prompts, ANSWER_TOKENS)
    assert caught.value.code == "parity-failed"


def test_ollama_is_given_the_prompt_that_was_trained(embedded_model, example_task):
    """The embedded model calls `<|im_start|>` its BOS token, and no engine sets one: it must not be lost."""
    text = modelfile_of(embedded_model, example_task, read_base(embedded_model.gguf), "m.gguf", 512)
    template = text.split('TEMPLATE """')[1].split('"""')[0]
    document = "Pump AX-100. Runs on 230 V."
    render = chat_render(load_tokenizer(embedded_model))
    asked = render([message.model_dump() for message in example_task.messages(document)])
    filled = template.replace("{{ .System }}", example_task.instruction).replace("{{ .Prompt }}", document)
    assert filled == asked
    assert 'PARAMETER stop "<|im_end|>"' in text
