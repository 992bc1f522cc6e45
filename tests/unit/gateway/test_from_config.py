import pytest

from insource.config.loading import validate
from insource.foundation.errors import ConfigError
from insource.gateway.from_config import pass_through, tier_of


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


TIER = {"model": "openai/small", "base_url": "https://one.example/v1"}
ONE = {"model": "openai/big", "base_url": "https://one.example/v1"}


def test_a_cheaper_tier_is_one_of_those_that_are_measured():
    assert tier_of(validate({}, "test")) is None
    given = {"reference": ONE | {"also": [TIER]}, "routing": {"tier": "openai/small"}}
    assert tier_of(validate(given, "test")).model == "openai/small"


@pytest.mark.parametrize(
    ("tier", "problem"),
    [
        (None, "none of"),
        (TIER | {"base_url": "https://other.example/v1"}, "another provider"),
        (TIER | {"api_key_env": "OTHER_KEY"}, "another provider"),
    ],
)
def test_a_tier_that_would_get_the_callers_key_elsewhere_is_refused(tier, problem):
    given = {"reference": ONE | {"also": [tier] if tier else []}, "routing": {"tier": "openai/small"}}
    with pytest.raises(ConfigError, match=problem):
        tier_of(validate(given, "test"))
