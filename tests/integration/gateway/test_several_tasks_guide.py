"""The guide on several tasks, as it is written: its files, its commands and its client."""

import re
import shlex
import tomllib

import openai
import pytest
from support.child_python import TESTS, python_path
from support.fitted_models import SURE, finished_run
from support.gateway_process import running, serving
from unit.docs.generated_pages import ROOT

GUIDE = (ROOT / "docs" / "guides" / "several-tasks.md").read_text(encoding="utf-8")
ENVIRONMENT = python_path(TESTS) | {"OPENAI_API_KEY": "sk-of-the-cloud"}
MODULE = "support.fitted_models"


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def arguments(verb):
    """What the guide types after a verb, without the port: the tests take a free one."""
    (line,) = [line for block in blocks("sh") for line in block.splitlines() if f" {verb} " in line]
    return re.sub(r" --port \d+", "", line).partition(f" {verb} ")[2].split()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("tickets", "triage"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "insource.toml").write_text(f"[task]\nname = '{name}'\n")
        finished_run(tmp_path / name / ".insource")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_client_of_the_guide_is_answered(folder, monkeypatch, capsys):
    with serving(folder, *arguments("serve"), env=ENVIRONMENT, module=MODULE) as (url, key, _):
        monkeypatch.setenv("INSOURCE_URL", url.removesuffix("/v1"))
        monkeypatch.setenv("INSOURCE_KEY", key)
        (client,) = blocks("python")
        exec(compile(client, "several-tasks.md", "exec"), {})
    assert capsys.readouterr().out == "billing\n"


def test_the_gateway_of_the_guide_answers_by_flag_and_by_file(folder, insource):
    (host,) = blocks("toml")
    for given, file in ((arguments("gateway"), ""), ([], host)):
        (folder / "insource.toml").write_text(file)
        with running(folder, ENVIRONMENT, MODULE, given) as process:
            secret = insource("keys", *arguments("keys")).stdout.strip() if file else "sk-x"
            with openai.OpenAI(base_url=f"{process.root}/v1", api_key=secret, max_retries=0) as client:
                messages = [{"role": "user", "content": SURE}]
                # The key is bound to its task, so it needs no other word for it.
                model = "insource/auto" if file else "triage"
                answer = client.chat.completions.create(model=model, messages=messages)
        task = "tickets" if file else "triage"
        assert (answer.choices[0].message.content, answer.model.partition("@")[0]) == ("billing", task)


def test_no_command_of_the_guide_is_left_out():
    verbs = [shlex.split(line)[1] for block in blocks("sh") for line in block.splitlines()]
    assert verbs == ["serve", "gateway", "keys"]
    assert tomllib.loads(blocks("toml")[0]) == {"gateway": {"projects": ["tickets", "triage"]}}
