"""Engines that already run: what they are asked, and what is said when they are not what is needed."""

import json

import pytest
from support.fake_engines import FakeOllama, FakeVllm, listening
from support.gguf_files import CONTROL_TOKENS, WIDTH, write_gguf

from insource.contract.grammar import compile_grammar
from insource.foundation.canonical import file_digest
from insource.foundation.errors import InsourceError, UserError
from insource.models.grounding.grounding import Cap, Grounding
from insource.models.protocol import Request
from insource.serving.engine import EngineSettings
from insource.serving.shared_engine import SharedEngine
from insource.serving.supervisor import ServedModel
from insource.types import Message

SCHEMA = {
    "type": "object",
    "properties": {"v": {"type": "string"}},
    "required": ["v"],
    "additionalProperties": False,
}
CONTROL = {spelling: place for place, spelling in enumerate(CONTROL_TOKENS)}
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def gguf(tmp_path):
    return write_gguf(tmp_path / "base.gguf")


@pytest.fixture
def adapter(tmp_path):
    """An export's folder: the GGUF adapter and, beside it, the adapter as PEFT wrote it."""
    return exported(tmp_path / "export-1")


def exported(folder):
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "adapter_config.json").write_text("{}")
    (folder / "adapter.gguf").write_bytes(b"GGUF")
    return folder / "adapter.gguf"


@pytest.fixture
def vllm():
    fake = FakeVllm(CONTROL)
    fake.answers = ['{"v":"480"}']
    with listening(fake) as fake.url:
        yield fake


def settings(gguf, kind, url, **more):
    return EngineSettings(gguf=gguf, threads=1, context_tokens=512, kind=kind, url=url, alias="specs", **more)


def request(text="supply 480 V", **more):
    messages = (Message(role="user", content=text),)
    return Request(messages=messages, max_tokens=20, grammar=compile_grammar(SCHEMA).text, **more)


# vLLM


def test_vllm_gets_the_adapter_at_run_time_and_answers_with_it(gguf, adapter, vllm):
    with ServedModel("tuned", settings(gguf, "vllm", vllm.url, adapters=(adapter,)), adapter=0) as served:
        completion = served.generate(request(top_logprobs=5))
        ((name, path),) = vllm.adapters.items()
    assert path == str(adapter.with_name("adapter"))
    asked = vllm.said("/v1/completions")[-1]
    assert asked["model"] == name
    assert asked["structured_outputs"] == {"grammar": compile_grammar(SCHEMA).text}
    assert asked["prompt"] == list(b"supply 480 V")
    assert (completion.text, completion.finish_reason, completion.model) == ('{"v":"480"}', "stop", "tuned")
    assert [token.id for token in completion.tokens] == [*b'{"v":"480"}', CONTROL["<|im_end|>"]]
    assert completion.tokens[-1].bytes == b""  # the stop token is no text
    assert completion.tokens[0].top == ((ord("{"), -0.5), (0, -2.0))  # without what the grammar forbids
    assert vllm.adapters == {}  # taken back at the end


def test_the_bytes_of_vllms_tokens_are_those_of_the_vocabulary(gguf, adapter, vllm):
    """With token ids asked for, vLLM does not say what a token spells."""
    vllm.answers = ["#"]  # byte 35 is the token of that id: two control tokens, then "!" onwards
    with ServedModel("base", settings(gguf, "vllm", vllm.url)) as served:
        token, _ = served.generate(request(top_logprobs=1)).tokens
    assert (token.id, token.bytes) == (35, bytes([0x21 + 35 - len(CONTROL)]))


def test_vllms_base_model_answers_without_an_adapter(gguf, adapter, vllm):
    with ServedModel("base", settings(gguf, "vllm", vllm.url, adapters=(adapter,))) as served:
        served.generate(request())
    assert vllm.said("/v1/completions")[-1]["model"] == "base"


def test_new_adapters_take_over_on_vllm_and_the_old_ones_are_unloaded(gguf, adapter, tmp_path, vllm):
    newer = exported(tmp_path / "export-2")
    with SharedEngine(settings(gguf, "vllm", vllm.url), {"specs@1": adapter}) as shared:
        old = shared.model("specs@1", "specs@1")
        old.generate(request())
        shared.load({"specs@2": newer})
        shared.model("specs@2", "specs@2").generate(request())
        assert list(vllm.adapters.values()) == [str(newer.with_name("adapter"))]
        with pytest.raises(InsourceError) as caught:
            old.generate(request())
    assert caught.value.code == "engine-lacks-model"
    assert "specs@2" in caught.value.message


def test_a_document_that_spells_a_control_token_is_not_asked(gguf, vllm):
    with ServedModel("base", settings(gguf, "vllm", vllm.url)) as served:
        before = len(vllm.asked)
        with pytest.raises(InsourceError) as caught:
            served.generate(request("480 V<|im_end|>"))
    assert caught.value.code == "control-token"
    assert "<|im_end|>" in caught.value.message
    assert len(vllm.asked) == before


def test_an_adapter_that_vllm_refuses_is_named_with_the_reason(gguf, adapter, vllm):
    vllm.broken_adapters = (str(adapter.with_name("adapter")),)
    with pytest.raises(InsourceError) as caught:
        ServedModel("t", settings(gguf, "vllm", vllm.url, adapters=(adapter,)), adapter=0).start()
    assert caught.value.code == "engine-refused"
    assert "max_lora_rank" in caught.value.details[0]
    assert "--max-lora-rank" in caught.value.hint


def test_a_refused_adapter_leaves_no_other_one_behind(gguf, adapter, vllm, tmp_path):
    other = exported(tmp_path / "other")
    vllm.broken_adapters = (str(other.with_name("adapter")),)
    with pytest.raises(InsourceError) as caught:
        ServedModel("t", settings(gguf, "vllm", vllm.url, adapters=(adapter, other)), adapter=0).start()
    assert caught.value.code == "engine-refused"
    assert len(vllm.said("/v1/load_lora_adapter")) == 2
    assert vllm.adapters == {}


# Ollama


def shown(gguf, *, width=WIDTH, adapter="ADAPTER /blobs/sha256-1\n"):
    return {
        "modelfile": f"FROM /blobs/sha256-{file_digest(gguf)}\n{adapter}",
        "model_info": {"general.architecture": "llama", "llama.embedding_length": width},
    }


def test_ollama_gets_the_schema_and_answers_without_confidence(gguf, adapter):
    fake = FakeOllama({"specs": shown(gguf)})
    fake.answers = ['{"v": "480"}']
    with (
        listening(fake) as url,
        ServedModel(
            "tuned", settings(gguf, "ollama", url, model="specs", adapters=(adapter,)), adapter=0
        ) as served,
    ):
        completion = served.generate(request(top_logprobs=5))
        tokens = served.count_tokens((Message(role="user", content="a"),))
    first = fake.said("/api/chat")[0]
    assert first["format"] == SCHEMA
    assert first["options"] == {"temperature": 0.0, "seed": 0, "num_predict": 20, "num_ctx": 512}
    assert (completion.text, completion.tokens) == ('{"v": "480"}', ())
    assert tokens == 20


def test_ollama_gets_what_limits_an_answer_within_the_schema(gguf):
    """Its converter refuses a part that says nothing but a limit, and so the whole request."""
    fake = FakeOllama({"specs": shown(gguf)})
    grammar = Grounding((), (Cap(("v",), {"maxLength": 7}),)).grammar(SCHEMA, "supply 480 V")
    with (
        listening(fake) as url,
        ServedModel("b", settings(gguf, "ollama", url, model="specs")) as served,
    ):
        served.generate(request().model_copy(update={"grammar": grammar}))
    assert fake.said("/api/chat")[0]["format"] == {
        **SCHEMA,
        "properties": {"v": {"type": "string", "maxLength": 7}},
    }


def test_labels_are_asked_of_ollama_without_a_schema(gguf):
    fake = FakeOllama({"specs": shown(gguf)})
    with (
        listening(fake) as url,
        ServedModel("b", settings(gguf, "ollama", url, model="specs")) as served,
    ):
        served.generate(request().model_copy(update={"grammar": '%llguidance {}\nstart: LABEL\nLABEL: "a"'}))
    assert "format" not in fake.said("/api/chat")[0]


def test_ollamas_base_model_is_not_there_behind_the_adapter(gguf, adapter):
    with listening(FakeOllama({"specs": shown(gguf)})) as url:
        engine = settings(gguf, "ollama", url, model="specs", adapters=(adapter,))
        with ServedModel("base", engine) as served, pytest.raises(InsourceError) as caught:
            served.generate(request())
    assert caught.value.code == "engine-cannot"


# What is not there, or is something else


@pytest.mark.parametrize(
    ("kind", "command"),
    [("vllm", "vllm serve"), ("llama-server", "llama-server -m"), ("ollama", "ollama serve")],
)
def test_an_engine_that_is_not_there_is_named_with_the_command_that_starts_it(gguf, kind, command):
    with pytest.raises(UserError) as caught:
        ServedModel("m", settings(gguf, kind, NOBODY)).start()
    assert caught.value.code == "engine-not-there"
    assert NOBODY in caught.value.message
    assert command in caught.value.hint


@pytest.mark.parametrize(
    ("fake", "kind", "model", "code", "said"),
    [
        (FakeVllm({**CONTROL, "<|im_end|>": 7}), "vllm", "", "engine-other-model", "<|im_end|>"),
        (FakeVllm(CONTROL), "vllm", "other", "engine-lacks-model", "other"),
        (FakeVllm(CONTROL, guidance=False), "vllm", "", "engine-cannot", "llguidance"),
        (FakeOllama({}), "ollama", "specs", "engine-lacks-model", "specs"),
        (FakeOllama({"specs": {"model_info": {}}}), "ollama", "specs", "engine-other-model", "width 0"),
    ],
)
def test_an_engine_that_serves_something_else_is_named(gguf, fake, kind, model, code, said):
    with listening(fake) as url, pytest.raises(InsourceError) as caught:
        ServedModel("m", settings(gguf, kind, url, model=model)).start()
    assert caught.value.code == code
    assert said in caught.value.message
    assert caught.value.hint


def test_an_ollama_model_without_the_adapter_is_refused(gguf, adapter):
    with (
        listening(FakeOllama({"base": shown(gguf, adapter="")})) as url,
        pytest.raises(InsourceError) as caught,
    ):
        ServedModel("m", settings(gguf, "ollama", url, model="base", adapters=(adapter,)), adapter=0).start()
    assert caught.value.code == "engine-lacks-model"
    assert "ollama create" in caught.value.hint


def test_a_prompt_that_is_too_long_for_vllm_is_named_so(gguf, vllm):
    with ServedModel("m", settings(gguf, "vllm", vllm.url)) as served:
        vllm.context_tokens = 5
        with pytest.raises(InsourceError) as caught:
            served.generate(request())
    assert caught.value.code == "prompt-too-long"


def test_a_key_that_is_asked_for_is_sent_and_one_that_is_not_set_is_named(gguf, vllm, monkeypatch):
    vllm.key = "secret"
    with_key = settings(gguf, "vllm", vllm.url, api_key_env="MY_VLLM_KEY")
    with pytest.raises(UserError, match="MY_VLLM_KEY") as caught:
        ServedModel("m", with_key).start()
    assert caught.value.code == "no-engine-key"
    monkeypatch.setenv("MY_VLLM_KEY", "secret")
    with ServedModel("m", with_key) as served:
        assert json.loads(served.generate(request()).text) == {"v": "480"}


def test_a_local_only_task_asks_no_engine_on_another_machine(gguf):
    elsewhere = settings(gguf, "vllm", "http://10.0.0.7:8000", privacy="local-only")
    with pytest.raises(UserError, match="local-only"):
        ServedModel("m", elsewhere).start()


def test_an_engine_by_url_that_stops_is_said_and_not_restarted(gguf, vllm):
    told = []
    served = ServedModel("m", settings(gguf, "vllm", vllm.url), on_restart=told.append)
    served.start()
    vllm.answer = lambda path, body: (503, {"error": "gone"})
    with pytest.raises(InsourceError) as caught:
        served.generate(request())
    assert (caught.value.code, told) == ("engine-refused", [])
    assert not served.engine.alive
    served.stop()
