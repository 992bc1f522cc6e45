import pytest

from insource.gateway.call.routes import Routes, UnknownRoute
from insource.gateway.http.address import Address, UpstreamSettings
from insource.gateway.http.upstream import target_of

UPSTREAMS = (
    UpstreamSettings(name="openai"),
    UpstreamSettings(name="anthropic", kind="anthropic", base_url="https://api.anthropic.com"),
    UpstreamSettings(name="eu", kind="azure", base_url="https://eu.openai.azure.com"),
    UpstreamSettings(name="google", kind="gemini", base_url="https://generativelanguage.googleapis.com"),
    UpstreamSettings(name="router", base_url="https://openrouter.ai/api/v1"),
)


def find(path, method="POST", **headers):
    return Routes(UPSTREAMS).find(method, path, lambda name: headers.get(name.replace("-", "_"), ""))


@pytest.mark.parametrize(
    ("path", "upstream", "endpoint"),
    [
        ("/v1/chat/completions", "openai", "chat"),
        ("/v1/responses", "openai", "responses"),
        ("/v1/responses/resp_1/cancel", "openai", None),
        ("/v1/embeddings", "openai", "embeddings"),
        ("/v1/decisions", "openai", "decisions"),
        ("/v1/systemone", "router", "decisions"),  # OpenAI does not serve it
        ("/v1/SystemOne", "router", "decisions"),
        ("/u/openai/v1/systemone", "openai", "decisions"),
        ("/v1/completions", "openai", "completions"),
        ("/v1/images/generations", "openai", "other"),
        ("/v1/batches", "openai", None),
        ("/v1/messages", "anthropic", "messages"),
        ("/v1/messages/count_tokens", "anthropic", None),
        ("/openai/deployments/d/embeddings", "eu", "embeddings"),
        ("/openai/v1/responses", "eu", "responses"),
        ("/v1beta/models/g:streamGenerateContent", "google", "generate_content"),
        ("/v1beta/models/g:countTokens", "google", None),
        ("/u/router/v1/chat/completions", "router", "chat"),
        ("/u/router/chat/completions", "router", "chat"),
        ("/u/router/anything/new", "router", "other"),
        ("/v1/audio/transcriptions", "openai", "other"),
        ("/v1/images/edits", "openai", "other"),
        ("/v1/moderations", "openai", "other"),
        ("/v1/videos", "openai", "other"),
        ("/v1/threads/t/runs", "openai", "other"),
        ("/v1/files", "openai", None),
        ("/v1/uploads/u/parts", "openai", None),
        ("/v1/vector_stores/v/search", "openai", None),
        ("/v1/messages/batches", "anthropic", None),
        ("/v1beta/models/g:batchGenerateContent", "google", None),
        ("/u/google/v1/projects/p/publishers/anthropic/models/c:streamRawPredict", "google", "messages"),
        ("/u/google/upload/v1beta/files", "google", None),
        ("/v1beta/cachedContents", "google", None),
        ("/u/router/v2/rerank", "router", "other"),
    ],
)
def test_where_a_request_goes_and_what_it_is(path, upstream, endpoint):
    found = find(path)
    assert (found.upstream.name, found.endpoint) == (upstream, endpoint)
    assert find(f"/t/specs{path}").task == "specs"
    assert find(f"/t/specs{path}").endpoint == endpoint


SPELLINGS = [
    "/v1/ch%61t/completions",
    "/v1/chat/c%6Fmpletion%73",
    "/v1/chat/completions/",
    "/v1//chat///completions",
    "//v1/chat/completions",
    "/v1/chat%2Fcompletions",
    "/v1/chat%5Ccompletions",
    "/v1/Chat/COMPLETIONS",
    "/v1/chat;a=b/completions;c",
]


def test_openai_gets_no_document_and_no_key_for_a_model_that_it_does_not_serve():
    found = Routes(UPSTREAMS[:2]).find("POST", "/v1/systemone", lambda name: "")
    assert found.upstream is None


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_of_a_call_is_that_call_and_travels_as_it_is_spelled(spelling):
    for prefix in ("", "/u/router", "/t/specs/u/openai"):
        found = find(prefix + spelling)
        assert (found.endpoint, found.path) == ("chat", spelling)


@pytest.mark.parametrize(
    ("path", "endpoint", "model"),
    [
        ("/u/router/api/v1/chat/completions", "chat", ""),
        ("/u/router/openai/v1/responses", "responses", ""),
        ("/u/google/v1beta/openai/chat/completions", "chat", ""),
        ("/u/eu/openai/deployments/a%2Fb/chat/completions", "chat", "a"),
        ("/u/eu/openai/deployments/small/embeddings/", "embeddings", "small"),
        ("/v1beta/models/g%3Agenerate%43ontent", "generate_content", "g"),
        ("/v1/projects/p/publishers/google/models/g:generateContent", "generate_content", "g"),
        ("/u/router/v1/threads/t/messages", None, ""),
        ("/u/router/other/messages", "other", ""),
    ],
)
def test_a_call_is_known_by_the_end_of_its_path(path, endpoint, model):
    found = find(path) if path.startswith("/u/") else find(f"/u/google{path}")
    assert (found.endpoint, found.model) == (endpoint, model)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/v1/files/../chat/completions",
            "/v1/%2e%2e/x",
            "/v1/files/%2E/x",
            "/v1/files/..;/chat/completions",
        ),
        *("/v1/ch%2561t/completions", "/v1/chat/completions%3Fx/files", "/v1/chat/completions%23/files"),
        *("/v1/chat/completions%00", "/v1/chat/completions%0d%0a", "/v1\\..\\x"),
    ],
)
def test_a_path_that_means_different_things_to_different_servers_leads_nowhere(path):
    for prefix in ("", "/u/openai", "/t/specs"):
        with pytest.raises(UnknownRoute):
            find(prefix + path)


def test_the_version_header_tells_anthropics_callers_apart():
    for path in ("/v1/models", "/v1/files"):
        assert find(path, "GET", anthropic_version="2023-06-01").upstream.name == "anthropic"
        assert find(path, "GET").upstream.name == "openai"


@pytest.mark.parametrize(
    ("path", "method", "batch"),
    [
        ("/v1/batches", "POST", True),
        ("/v1/batches/", "POST", True),
        ("/v1/messages/batches", "POST", True),
        ("/v1beta/models/g:batchGenerateContent", "POST", True),
        ("/v1/batches", "GET", False),
        ("/v1/batches/b/cancel", "POST", False),
    ],
)
def test_what_makes_a_batch(path, method, batch):
    assert find(path, method).batch is batch


def test_reading_is_no_call():
    assert find("/v1/chat/completions", "GET").endpoint is None


def test_names_are_decoded_once():
    assert find("/t/a%2Fb%25/v1/chat/completions").task == "a/b%"


@pytest.mark.parametrize("path", ["/v2/chat", "/u/nobody/v1/chat/completions", "/u/openai/../x", "", "/v1"])
def test_nothing_is_anywhere_else(path):
    with pytest.raises(UnknownRoute):
        find(path)


@pytest.mark.parametrize(
    ("upstream", "path", "target"),
    [
        ("openai", "/v1/models", "/v1/models"),
        ("router", "/v1/models", "/api/v1/models"),
        ("router", "/models", "/api/v1/models"),
        ("anthropic", "/v1/messages", "/v1/messages"),
        ("google", "/v1beta/models/g:x", "/v1beta/models/g:x"),
    ],
)
def test_a_path_follows_the_base_url(upstream, path, target):
    settings = next(one for one in UPSTREAMS if one.name == upstream)
    assert target_of(settings, Address.of(settings.base_url).prefix, path) == target


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.openai.com/v1/", b"api.openai.com"),
        ("http://127.0.0.1:80", b"127.0.0.1"),
        ("http://[::1]:8000/v1", b"[::1]:8000"),
        ("https://a.b:80", b"a.b:80"),
    ],
)
def test_the_host_header_of_an_address(url, host):
    assert Address.of(url).host_header == host


@pytest.mark.parametrize(
    "url", ["", "api.openai.com", "ftp://a", "https://u:p@a", "https://a/?b", "https://a/#b"]
)
def test_what_is_no_base_url(url):
    with pytest.raises(ValueError, match="base URL"):
        Address.of(url)
