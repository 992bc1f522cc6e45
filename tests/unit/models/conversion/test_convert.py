"""From a folder to a GGUF file: every tensor and setting is there, and what cannot be served is refused."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_models import ARCHITECTURES, tiny_model, tokenizer_of

from insource.foundation.errors import InsourceError, UserError
from insource.models.catalogue import resolve
from insource.models.conversion import pre_tokenizers, safetensors_folder
from insource.models.conversion.pre_tokenizers import PRE_TOKENIZERS, identified, named
from insource.models.gguf_metadata import read_header, read_values

pytestmark = pytest.mark.model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Makes a tiny model in a folder of its own, with an empty cache."""
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    return lambda name="llama", **changes: tiny_model(tmp_path / "model", name, **changes)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(folder):
    with pytest.raises(InsourceError) as caught:
        resolve(f"hf/{folder}")
    assert not list((folder.parent / "cache").rglob("*.gguf"))
    return caught.value


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_weights_keep_their_values(folder, dtype):
    import torch
    from gguf import GGUFReader
    from safetensors.torch import load_file

    made = folder("qwen2", dtype=dtype)
    theirs = load_file(made / "model.safetensors")
    tensors = {tensor.name: tensor for tensor in GGUFReader(resolve(f"hf/{made}").gguf).tensors}
    assert len(tensors) == len(theirs)
    for ours, name in (
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"),
        ("blk.0.attn_q.bias", "model.layers.0.self_attn.q_proj.bias"),
    ):
        raw = np.frombuffer(tensors[ours].data.tobytes(), np.uint8)
        whole = theirs[name].to(torch.float32) if theirs[name].ndim == 1 else theirs[name]
        assert np.array_equal(raw, whole.contiguous().view(torch.uint8).numpy().ravel())


def test_a_folder_is_known_by_its_content(folder):
    made = folder()
    first = resolve(f"hf/{made}")
    assert resolve(f"hf/{made}") == first
    for name in ("tokenizer.json", "chat_template.jinja", "tokenizer_config.json", "config.json"):
        before = (made / name).read_text()
        (made / name).write_text(f"{before} ")
        assert resolve(f"hf/{made}").digest != first.digest
        (made / name).write_text(before)
    assert resolve(f"hf/{made}").digest == first.digest


def test_the_file_says_what_the_folder_says(folder):
    made = folder("gemma3")
    keys = ("general.architecture", "gemma3.attention.sliding_window", "tokenizer.chat_template")
    found = read_values(resolve(f"hf/{made}").gguf, *keys, "gemma3.block_count")
    assert found == {
        "general.architecture": "gemma3",
        "gemma3.attention.sliding_window": 16,
        "gemma3.block_count": 6,
        "tokenizer.chat_template": (made / "chat_template.jinja").read_text(),
    }
    assert len(read_header(resolve(f"hf/{made}").gguf).tensors) == 2 + 6 * 13


def test_weights_in_several_files_are_one_model(folder):
    from safetensors.numpy import load_file, save_file

    made = folder(dtype="float32")
    whole = resolve(f"hf/{made}").gguf.read_bytes()
    tensors = load_file(made / "model.safetensors")
    (made / "model.safetensors").unlink()
    half = len(tensors) // 2
    for number, names in enumerate((list(tensors)[:half], list(tensors)[half:])):
        save_file({name: tensors[name] for name in names}, made / f"model-{number}.safetensors")
    assert resolve(f"hf/{made}").gguf.read_bytes() == whole


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("llama", {"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM is none of"),
        ("llama", {"architectures": None}, "none is none of"),
        ("llama", {"architectures": ["Own"], "auto_map": {"AutoModel": "own.Own"}}, "Own is none of"),
        ("llama", {"quantization_config": {"quant_method": "gptq"}}, "quantised"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}},
            "no rotary scaling `dynamic`",
        ),
        ("smollm3", {"no_rope_layers": [1, 1, 1, 1]}, "every 4th layer"),
        ("gemma2", {"layer_types": ["full_attention"] * 2}, "one layer of 2"),
        ("gemma2", {"query_pre_attn_scalar": 99}, "root of 99"),
        ("gemma3", {"final_logit_softcapping": 30.0}, "caps its logits"),
    ],
)
def test_what_the_engine_would_compute_in_another_way_is_refused(folder, name, changes, reason):
    made = folder(name)
    edit(made / "config.json", **changes)
    error = refusal(made)
    assert error.code == "architecture-not-supported"
    assert reason in error.message


def test_a_tokenizer_of_another_model_is_refused(folder):
    made = folder()
    tokenizer = json.loads((made / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["more"] = 5000
    (made / "tokenizer.json").write_text(json.dumps(tokenizer))
    error = refusal(made)
    assert error.code == "vocabulary-mismatch"
    assert "5000" in error.message


def test_a_missing_or_broken_file_is_named(folder):
    made = folder()
    (made / "chat_template.jinja").unlink()
    assert refusal(made).code == "template-not-usable"
    (made / "tokenizer.json").write_text("{")
    assert refusal(made).code == "tokenizer-not-supported"
    (made / "config.json").write_text("{")
    assert refusal(made).code == "model-unreadable"
    (made / "config.json").unlink()
    assert refusal(made).code == "model-not-found"


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_weights_that_are_cut_short_are_refused(folder, kept):
    made = folder()
    path = made / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(made).code == "model-unreadable"


@given(st.binary(max_size=200))
def test_any_bytes_are_weights_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "any-bytes"
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    try:
        found = safetensors_folder.tensors(folder)
    except UserError:
        return
    else:
        assert all(tensor.begin <= len(content) for tensor in found.values())


@pytest.mark.parametrize("known", PRE_TOKENIZERS, ids=lambda known: known.name)
def test_each_pre_tokenizer_is_known_by_what_it_does(known):
    tokenizer = {
        "model": {"ignore_merges": known.whole_words},
        "pre_tokenizer": json.loads(
            pytest.importorskip("tokenizers").Tokenizer.from_str(json.dumps(_bare(known))).to_str()
        )["pre_tokenizer"],
    }
    assert identified(tokenizer) == (known, "")


def _bare(known):
    tokenizer = dict(tokenizer_of(known.name, ()))
    return tokenizer | {"model": tokenizer["model"] | {"ignore_merges": known.whole_words}}


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (None, "no pre-tokenizer"),
        ({"type": "Whitespace"}, "as no pre-tokenizer of llama.cpp"),
        ({"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, "splits"),
        ({"type": "Digits", "individual_digits": True}, "splits"),
    ],
)
def test_a_pre_tokenizer_that_the_engine_has_not_is_refused_with_a_text(part, reason):
    found, why = identified({"model": {}, "pre_tokenizer": part})
    assert found is None
    assert reason in why


def test_a_model_with_a_splitter_of_its_own_is_refused(folder):
    made = folder()
    tokenizer = json.loads((made / "tokenizer.json").read_text())
    tokenizer["pre_tokenizer"] = {"type": "Whitespace"}
    (made / "tokenizer.json").write_text(json.dumps(tokenizer))
    error = refusal(made)
    assert error.code == "tokenizer-not-supported"
    assert "splits" in error.message


def test_other_names_lead_to_the_same_splitter():
    assert {named(name) for name in pre_tokenizers.SAME} <= set(PRE_TOKENIZERS)
    assert named("unheard-of") is None


def test_every_kind_of_vocabulary_is_made_by_the_tests():
    kinds = {kind for _, _, (kind, _), *_ in ARCHITECTURES.values()}
    assert kinds == {known.name for known in PRE_TOKENIZERS} - {"gpt-2"} | {"prefix", "plain"}
