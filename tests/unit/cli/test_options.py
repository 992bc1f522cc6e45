"""Options are where they act."""

import click
import pytest

from insource.cli.main import cli

# Each of them trains when nothing is trained yet; `plan` says what that takes
TRAINING = {"train", "export", "evaluate", "run", "demo", "plan"}


def verbs(group, prefix=""):
    """Every command with its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from verbs(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


@pytest.mark.parametrize(("name", "command"), list(verbs(cli)))
def test_the_training_s_options_are_where_something_is_trained(name, command):
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--epochs" in options) == (name in TRAINING)
    overrides = [
        one.help for one in command.params if "--model" in one.opts and "training.model" in (one.help or "")
    ]
    assert bool(overrides) == (name in TRAINING - {"demo"})


def test_they_reach_the_configuration(tmp_path, monkeypatch):
    from insource.cli.options import training_options

    (tmp_path / "insource.toml").write_text('[task]\nname = "t"\ninstruction = "x"\n')
    monkeypatch.chdir(tmp_path)
    seen = []
    command = click.command()(training_options(lambda session: seen.append(session.config.training)))
    command.main(["--model", "gguf/a.gguf", "--epochs", "1.5"], standalone_mode=False)
    command.main([], standalone_mode=False)
    assert [(one.model, one.epochs) for one in seen] == [
        ("gguf/a.gguf", 1.5),
        ("smollm2-135m-instruct", None),
    ]
