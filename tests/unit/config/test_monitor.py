"""``[monitor]``: what is no address of a webhook is refused, and not repeated."""

import pytest

from insource.config.loading import load
from insource.config.monitor import MonitorSection
from insource.foundation.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example/T0K3N",
        "ftp://host/T0K3N",
        "https://host:T0K3N/x",
        "http://[::1/T0K3N",
        "https://a b/T0K3N",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url, tmp_path):
    path = tmp_path / "insource.toml"
    path.write_text(f'[task]\nname = "t"\n[monitor]\nwebhook = "{url}"\n')
    with pytest.raises(ConfigError) as caught:
        load(path)
    said = " ".join((caught.value.message, *caught.value.details, caught.value.hint))
    assert "not an http or https URL" in said
    assert "T0K3N" not in said


@pytest.mark.parametrize("url", ["", "https://hooks.example/T0K3N", "http://127.0.0.1:8080/alerts"])
def test_an_address_or_none_is_taken(url):
    assert MonitorSection(webhook=url).webhook == url
