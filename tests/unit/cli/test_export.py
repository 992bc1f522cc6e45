"""Arguments of `insource export` that would have no effect together."""

import pytest
from click.testing import CliRunner

from insource.cli.export import command


@pytest.mark.parametrize(
    ("arguments", "without_effect"),
    [
        (["--format", "q8_0", "20260101"], "RUN"),
        (["--format", "q8_0", "--package"], "--package"),
        (["--format", "q8_0", "--adapter"], "--adapter"),
        (["--format", "q8_0", "--wheel"], "--wheel"),
        (["--format", "q8_0", "--public"], "--public"),
        (["--hub", "me/tickets"], "--hub"),
        (["--prompts", "9"], "--prompts"),
        (["--public"], "--public"),
        (["--adapter", "20260101"], "RUN"),
        (["--adapter", "--to", "out"], "--to"),
        (["--adapter", "--wheel"], "--wheel"),
    ],
)
def test_an_argument_without_effect_is_refused(project, monkeypatch, arguments, without_effect):
    monkeypatch.chdir(project(config="[task]\nname = 'teams'\n"))
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    assert f"so {without_effect} has no effect here" in done.output
