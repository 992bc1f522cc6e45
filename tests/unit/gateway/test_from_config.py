import pytest

from insource.config.loading import validate
from insource.foundation.errors import ConfigError
from insource.gateway.from_config import pass_through


def upstreams(**values):
    return {one.name: one for one in pass_through(validate(values, "test")).upstreams}


def test_openai_and_anthropic_are_there_without_a_word():
    found = upstreams()
    assert {name: (one.kind, one.base_url, one.retries) for name, one in found.items()} == {
        "openai": ("openai", "https://api.openai.com/v1", 0),
        "anthropic": ("anthropic", "https://api.anthropic.com", 0),
    }


def test_an_upstream_of_ones_own():
    found = upstreams(
        upstreams={
            "eu": {"kind": "azure", "base_url": "https://eu.openai.azure.com", "timeout_s": 5},
            "gemini": {},
            "openai": {"base_url": "https://proxy.example/v1", "retries": 1},
        }
    )
    assert (found["eu"].kind, found["eu"].timeout_s) == ("azure", 5)
    assert found["gemini"].base_url == "https://generativelanguage.googleapis.com"
    assert (found["openai"].base_url, found["openai"].retries) == ("https://proxy.example/v1", 1)


@pytest.mark.parametrize("section", [{}, {"kind": "azure"}])
def test_an_upstream_without_an_address_is_named(section):
    with pytest.raises(ConfigError) as raised:
        upstreams(upstreams={"mine": section})
    assert "upstreams.mine" in raised.value.message


def test_beside_a_local_only_task_calls_stay_on_this_machine():
    near = {"base_url": "http://127.0.0.1:11434/v1"}
    assert list(upstreams(task={"privacy": "local-only"}, upstreams={"near": near})) == ["near"]


def test_limits_are_in_bytes():
    settings = pass_through(validate({"gateway": {"max_body_mb": 1, "max_upload_mb": 2}}, "test"))
    assert (settings.max_body_bytes, settings.max_upload_bytes) == (1 << 20, 2 << 20)
