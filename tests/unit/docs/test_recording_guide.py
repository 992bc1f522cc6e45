"""The guide to recording runs as it is written, against a provider on loopback."""

import json
import re

from support.fake_provider import Answer, fake_provider, stream
from support.provider_answers import CHAT_DOCUMENT, CHAT_TEXT, MESSAGES_STREAM, MESSAGES_TEXT
from unit.docs.generated_pages import ROOT

from insource.config.loading import load
from insource.logs import process_log
from insource.providers.prices import PriceTable
from insource.types import Usage

GUIDE = (ROOT / "docs" / "guides" / "recording.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def answer(seen):
    if seen.path.endswith("/messages"):
        return stream(MESSAGES_STREAM)
    return Answer([json.dumps(CHAT_DOCUMENT).encode()])


def test_the_examples_of_the_guide_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with fake_provider() as provider:
        provider.answer = answer
        for name, value in {"OPENAI": f"{provider.url}/v1", "ANTHROPIC": provider.url}.items():
            monkeypatch.setenv(f"{name}_BASE_URL", value)
            monkeypatch.setenv(f"{name}_API_KEY", "test")
        names, opened = {}, []
        for block in blocks("python"):
            exec(compile(block, "recording.md", "exec"), names)
            opened.extend(names[name] for name in ("client", "claude") if name in names)
        process_log.close_logs()
        for client in {id(client): client for client in opened}.values():
            client.close()
    assert names["answer"].choices[0].message.content == CHAT_TEXT
    assert names["text"] == MESSAGES_TEXT
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[1].startswith("claude-sonnet-4-5-20250929 ok 57 0.00147 ")
    assert (names["call"].feature, names["call"].user, names["call"].task) == (
        "web form",
        "customer-81",
        "tickets",
    )


def test_the_prices_of_the_guide_are_a_valid_configuration(tmp_path):
    [toml] = blocks("toml")
    (tmp_path / "insource.toml").write_text(toml)
    table = PriceTable(load(tmp_path / "insource.toml").config.prices.models)
    usage = Usage(input_tokens=1_000_000, cached_tokens=1_000_000, output_tokens=1_000_000)
    assert str(table.cost("our-fine-tune", usage)) == "1.35"
