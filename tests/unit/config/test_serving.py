import re

import pytest
from unit.docs.generated_pages import ROOT

from insource.config.loading import load
from insource.config.serving import EngineKind
from insource.foundation.errors import ConfigError


def read(tmp_path, text):
    path = tmp_path / "insource.toml"
    path.write_text(f"[serving]\n{text}\n", encoding="utf-8")
    return load(path).config.serving


@pytest.mark.parametrize("engine", ["vllm", "llama-server", "ollama"])
def test_an_engine_that_runs_elsewhere_needs_its_url(tmp_path, engine):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f'engine = "{engine}"')
    assert "needs the url" in caught.value.details[0]
    found = read(tmp_path, f'engine = "{engine}"\nurl = "http://127.0.0.1:8080"')
    assert (found.engine, found.url) == (engine, "http://127.0.0.1:8080")


def test_the_embedded_engine_has_no_url(tmp_path):
    assert read(tmp_path, "").engine == "llamacpp"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, 'url = "http://127.0.0.1:8080"')
    assert "name another engine" in caught.value.details[0]


def test_the_guide_has_a_column_for_each_engine():
    guide = (ROOT / "docs" / "guides" / "engines.md").read_text(encoding="utf-8")
    (header,) = re.findall(r"^\| \| (llamacpp .*) \|$", guide, re.MULTILINE)
    columns = {name.strip().lower() for name in header.split("|")}
    assert columns == set(EngineKind.__args__)
