import socket

import pytest

from insource.foundation.errors import ProviderError, UserError
from insource.models.transport import client, is_loopback, post, require_allowed


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:80/v1", "http://127.9.9.9", "http://[::1]:1", "https://localhost"]
)
def test_this_machine(url):
    assert is_loopback(url)
    require_allowed(url, "local-only")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1@example.com/",
        "not a url",
        "",
    ],
)
def test_anything_else_is_not_this_machine(url):
    assert not is_loopback(url)
    with pytest.raises(UserError) as caught:
        require_allowed(url, "local-only")
    assert caught.value.code == "local-only"
    require_allowed(url, "cloud-allowed")


def test_no_client_is_made_for_a_forbidden_place():
    with pytest.raises(UserError, match="local-only"):
        client("https://api.openai.com/v1", privacy="local-only", timeout_s=1)


def test_the_key_goes_into_the_header_and_proxies_never_apply_to_loopback(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    with client("http://127.0.0.1:9", privacy="local-only", timeout_s=1, api_key="k") as http:
        assert http.headers["authorization"] == "Bearer k"
        assert not http.trust_env
    with client("http://127.0.0.1:9", privacy="local-only", timeout_s=1) as http:
        assert "authorization" not in http.headers


def test_a_read_that_times_out_is_about_the_document_and_no_server_is_about_the_provider(monkeypatch):
    monkeypatch.setattr("insource.models.transport.time.sleep", lambda seconds: None)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(ProviderError) as caught:
            post(client(url, privacy="cloud-allowed", timeout_s=0.05), "x", {}, name="m")
        assert caught.value.code == "provider-timeout"
    with pytest.raises(ProviderError) as caught:
        post(client(url, privacy="cloud-allowed", timeout_s=0.05), "x", {}, name="m")
    assert caught.value.code == "provider-unreachable"
