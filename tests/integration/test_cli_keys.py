"""``insource keys`` as typed, on a real project."""

import json
import sqlite3

import pytest


@pytest.fixture
def folder(project):
    return project(config="")


def test_a_key_is_shown_once_and_listed_without_its_secret(insource, folder):
    options = ["--task", "specs", "--budget-usd", "50", "--per", "month", "--requests-per-minute", "60"]
    made = insource("keys", "create", "team", "--upstream", "openai", *options)
    secret = made.stdout.strip()
    assert secret.startswith("isk-")
    assert len(secret) == 47
    assert "not shown again" in made.stderr
    assert secret not in made.stderr
    listed = insource("keys", "list").stdout
    assert "team" in listed
    assert "tasks specs · upstream openai · $50.00 a month ($0.00 spent) · 60 requests a minute" in listed
    (described,) = json.loads(insource("keys", "list", "--json").stdout)["keys"]
    assert (described["name"], described["tasks"], described["budget_usd"]) == ("team", ["specs"], "50")
    everything = listed + json.dumps(described)
    assert secret not in everything
    assert "digest" not in everything
    files = list((folder / ".insource").iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (folder / ".insource").stat().st_mode & 0o777 == 0o700
    assert not any(secret[4:].encode() in file.read_bytes() for file in files)


def test_a_revoked_key_says_since_when(insource, folder):
    insource("keys", "create", "team", "--json")
    assert "Revoked team" in insource("keys", "revoke", "team").stderr
    assert "revoked 20" in insource("keys", "list").stdout


def test_without_keys_the_list_says_how_to_make_one(insource, folder):
    done = insource("keys", "list")
    assert done.stdout == ""
    assert "insource keys create" in done.stderr


def test_a_gateway_without_a_project_has_keys_too(insource, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    insource("keys", "create", "team", "--upstream", "anthropic")
    assert "upstream anthropic" in insource("keys", "list").stdout
    assert (tmp_path / ".insource" / "keys.db").is_file()


def test_mistakes_have_a_next_step(insource, refuses, folder):
    refuses("keys", "create", "team", "--upstream", "opnai", code="unknown-upstream", exit_code=2)
    refuses("keys", "revoke", "nobody", code="unknown-key")
    refuses("keys", "create", "\x1b[2J", code="key-name")
    insource("keys", "create", "team")
    refuses("keys", "create", "team", code="key-exists")


@pytest.mark.parametrize(
    "options",
    [
        ["--budget-usd", "50"],
        ["--per", "day"],
        ["--budget-usd", "nan", "--per", "day"],
        ["--budget-usd", "inf", "--per", "day"],
        ["--budget-usd", "-1", "--per", "day"],
        ["--requests-per-minute", "0"],
    ],
)
def test_a_limit_that_is_none_makes_no_key(insource, folder, options):
    done = insource("keys", "create", "team", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert not (folder / ".insource" / "keys.db").exists()


def test_hostile_text_in_the_store_is_shown_and_not_obeyed(insource, folder):
    insource("keys", "create", "team", "--task", "\x1b[31m\u202e")
    with sqlite3.connect(folder / ".insource" / "keys.db") as database:
        database.execute("UPDATE virtual_keys SET name = ?, upstream = ?", ("\x1b]0;owned\x07", "a\nb\x9b"))
    listed = insource("keys", "list").stdout
    assert not set(listed) & {"\x1b", "\x07", "\x9b", "\u202e"}
    assert len(listed.splitlines()) == 1
