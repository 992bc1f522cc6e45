import pytest

from insource.config.loading import allowed_values, keys, load, validate
from insource.config.sections import Config
from insource.foundation.errors import ConfigError, UserError
from insource.types.task import AbsentFields


def write(tmp_path, text):
    path = tmp_path / "insource.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_all_defaults(tmp_path):
    loaded = load(write(tmp_path, ""))
    assert loaded.config == Config()
    assert loaded.origins == {}
    assert loaded.folder == tmp_path


def test_a_flag_beats_the_environment_beats_the_file(tmp_path, monkeypatch):
    path = write(tmp_path, "[training]\nepochs = 1\nrank = 4\nbatch_size = 2\n")
    monkeypatch.setenv("INSOURCE_TRAINING__EPOCHS", "2")
    monkeypatch.setenv("INSOURCE_TRAINING__RANK", "8")
    loaded = load(path, {"training.epochs": 3, "training.model": None})
    training = loaded.config.training
    assert (training.epochs, training.rank, training.batch_size) == (3, 8, 2)
    assert loaded.origins == {
        "training.epochs": "flag",
        "training.rank": "environment",
        "training.batch_size": "file",
    }
    assert training.model == Config().training.model


def test_the_environment_holds_json_or_text(tmp_path, monkeypatch):
    monkeypatch.setenv("INSOURCE_TASK__LABELS", '["a", "b"]')
    monkeypatch.setenv("INSOURCE_TASK__NAME", "orders")
    monkeypatch.setenv("INSOURCE_CACHE", "/nowhere")  # not a key: it has no section
    config = load(write(tmp_path, "")).config
    assert config.task.labels == ("a", "b")
    assert config.task.name == "orders"


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("[training]\nepoch = 3\n", "training.epoch: unknown key; did you mean training.epochs?"),
        ("[trainin]\nepochs = 3\n", "trainin: unknown key; did you mean training?"),
        ("[task]\nshema = 'a.json'\n", "task.shema: unknown key; did you mean task.schema?"),
        ("[task]\nxqzw = 1\n", "task.xqzw: unknown key"),
    ],
)
def test_an_unknown_key_gets_the_right_spelling(tmp_path, text, suggestion):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert caught.value.code == "config-invalid"
    assert caught.value.details == (suggestion,)


def test_every_wrong_entry_is_named_at_once(tmp_path):
    path = write(tmp_path, "[training]\nepochs = -1\nrang = 4\n[task]\nname = 'Bad Name'\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert "3 wrong entries" in caught.value.message
    assert len(caught.value.details) == 3
    assert any(line.startswith("training.epochs = -1: ") for line in caught.value.details)


def test_a_section_that_is_no_table_is_an_error_not_a_crash(tmp_path):
    with pytest.raises(ConfigError):
        load(write(tmp_path, "training = 3\n"))


def test_a_scalar_section_with_a_flag_on_top_is_an_error_not_a_crash(tmp_path):
    with pytest.raises(ConfigError):
        load(write(tmp_path, "training = 3\n"), {"training.epochs": 3})


@pytest.mark.parametrize("content", [b"[task\n", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_named(tmp_path, content):
    path = tmp_path / "insource.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"insource\.toml is not valid TOML"):
        load(path)


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(UserError) as caught:
        load(tmp_path / "insource.toml")
    assert (caught.value.code, caught.value.hint) == ("no-config", "Create one: insource init")


def test_every_key_is_described_and_settable():
    """``config show``, the reference page and the environment all go by these names."""
    found = keys()
    assert "task.schema" in found  # by its alias, as the file spells it
    assert "task.schema_path" not in found
    assert all(field.description for field in found.values())
    for key, field in found.items():
        section, *table, name = key.replace("<name>", "mine").split(".")
        value = field.get_default(call_default_factory=True)
        if value not in ("", None):
            validate({section: {table[0]: {name: value}} if table else {name: value}}, key)


def test_allowed_values_of_a_literal():
    assert allowed_values(AbsentFields) == ("null", "unscored")
    assert allowed_values(int) == ()


def test_the_carved_shares_have_to_leave_something_to_train_on(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "[dataset]\nvalidation = 0.5\ncalibration = 0.3\ntest = 0.2\n"))
    assert "to leave training rows" in caught.value.details[0]
