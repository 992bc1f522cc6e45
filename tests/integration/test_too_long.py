"""A prompt beyond the context has a code of its own, whichever engine says so."""

import json

import pytest
from support.upstream_kit import RawUpstream, always, reply

from insource.foundation.errors import ProviderError
from insource.models.engines.http import EngineHttp

LLAMA_CPP = {"error": {"code": 400, "type": "exceed_context_size_error", "message": "request exceeds"}}
VLLM = {"error": {"code": 400, "message": "This model's maximum context length is 2048 tokens. However, …"}}
OTHER = {"error": {"code": 400, "message": "grammar: unexpected token"}}


@pytest.mark.parametrize(
    ("said", "code"), [(LLAMA_CPP, "prompt-too-long"), (VLLM, "prompt-too-long"), (OTHER, "engine-refused")]
)
def test_a_refusal_for_its_length_is_told_from_others(said, code):
    with RawUpstream(always(reply(json.dumps(said).encode(), 400))) as server:
        http = EngineHttp(server.root)
        with pytest.raises(ProviderError) as caught:
            http.post("/v1/completions", {"prompt": [1]})
        http.close()
    assert caught.value.code == code
