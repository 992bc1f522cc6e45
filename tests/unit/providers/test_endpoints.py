import pytest

from insource.gateway.call.routes import Routes
from insource.gateway.http.address import UpstreamSettings
from insource.providers.endpoints import CALL_PATHS, CALL_VERBS, ENDPOINTS, wrapped_endpoint


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/chat/completions", "chat"),
        ("/chat/completions", "chat"),
        ("/v1/completions", "completions"),
        ("/openai/deployments/d/embeddings", "embeddings"),
        ("/v1/responses", "responses"),
        ("/v1/decisions", "decisions"),
        ("/api/v1/systemone", "decisions"),
        ("/v1/messages", "messages"),
        ("/v1/projects/p/publishers/anthropic/models/c:streamRawPredict", "messages"),
        ("/v1beta/models/g:generateContent", "generate_content"),
        ("/v1beta/models/g:embedContent", None),
        ("/v1/responses/r/cancel", None),
        ("/v1/messages/count_tokens", None),
        ("/v1/models", None),
    ],
)
def test_the_calls_of_a_wrapped_client(path, endpoint):
    assert wrapped_endpoint("POST", path) == endpoint
    assert wrapped_endpoint("GET", path) is None


def test_the_gateway_takes_every_path_of_the_table_for_the_same_kind_of_call():
    routes = Routes((UpstreamSettings(name="openai"), UpstreamSettings(name="google", kind="gemini")))
    for ending, endpoint in CALL_PATHS.items():
        assert routes.find("POST", f"/u/openai/v1/{ending}", lambda name: "").endpoint == endpoint
    for verb, endpoint in CALL_VERBS.items():
        assert routes.find("POST", f"/u/google/v1/models/m:{verb}", lambda name: "").endpoint == endpoint
    assert {*CALL_PATHS.values(), *CALL_VERBS.values(), "other"} == set(ENDPOINTS)
