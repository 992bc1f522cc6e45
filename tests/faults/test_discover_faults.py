"""Discovery on hostile text, damaged rules, strange payloads, nothing at all."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from insource.logs.discovery import load_rules, survey
from insource.logs.recorder import STORE_FILE
from insource.store.calls.calls import find_calls, insert_calls
from insource.store.database import open_database
from insource.types import Call

START = datetime(2026, 11, 1, tzinfo=UTC)
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eevil\u2066 \x9b31m \x02s \x03"
STEERS = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x02", "\x03")


def call(number, content, **fields):
    defaults = {
        "call_id": f"call-{number}",
        "started_at": START + timedelta(hours=number),
        "model_asked": "big",
        "request": {"messages": [{"role": "user", "content": content}]},
        "response_text": ("yes", "no")[number % 2],
    }
    return Call(**defaults | fields)


@pytest.fixture
def root(tmp_path):
    return tmp_path / ".insource"


def store(root, calls):
    root.mkdir(exist_ok=True)
    with open_database(root / STORE_FILE) as database, database.write() as connection:
        insert_calls(connection, calls)


def hostile_calls():
    said = f"{HOSTILE} Is this true of stone number"
    return [
        call(n, f"{said} {n}? {HOSTILE}", call_id=f"{HOSTILE}-{n}", model_asked=HOSTILE) for n in range(60)
    ]


def test_hostile_text_reaches_no_terminal_and_no_name(root, insource):
    store(root, hostile_calls())
    for arguments in ([], ["--json"], ["--apply"], ["--json"]):
        done = insource("logs", "discover", *arguments)
        assert done.returncode == 0, done.stderr
        assert not [sign for sign in STEERS if sign in done.stdout + done.stderr], arguments
    assert load_rules(root / "tasks.toml").rule[0].task.replace("-", "").isalnum()
    with open_database(root / STORE_FILE) as database:
        assert {one.task for one in find_calls(database)} == {load_rules(root / "tasks.toml").rule[0].task}


@pytest.mark.parametrize(
    "content",
    [
        "not toml [",
        '[[rule]]\ntask = "Not A Slug"\nfingerprint = "x"\nsegments = ["a"]\n',
        '[[rule]]\ntask = "a"\nfingerprint = "x"\nsegments = []\n',
        '[[rule]]\ntask = "a"\nfingerprint = "x"\nsegments = ["a"]\nunknown = 1\n',
        "\x00",
    ],
    ids=["syntax", "name", "empty", "unknown-key", "control"],
)
def test_a_damaged_rule_file_is_refused_and_stays_as_it_is(root, refuses, content):
    store(root, [call(1, "Hello there")])
    (root / "tasks.toml").write_text(content)
    refuses("logs", "discover", "--apply", code="rules-invalid", exit_code=2)
    assert (root / "tasks.toml").read_text() == content


def test_a_rule_file_of_other_bytes_is_refused(root, refuses):
    store(root, [call(1, "Hello there")])
    (root / "tasks.toml").write_bytes(b"\xff\xfe")
    refuses("logs", "discover", code="rules-invalid", exit_code=2)


def test_nothing_to_look_at(root, insource, refuses):
    refuses("logs", "discover", code="no-config")
    store(root, [])
    done = insource("logs", "discover", "--apply")
    assert "There are no calls without a task." in done.stdout
    assert not (root / "tasks.toml").exists()


def test_payloads_of_a_shape_nobody_wrote(root):
    store(root, [call(n, f"Sort the following stone: {n * 'a'}") for n in range(30)])
    strange = ("null", "[]", '"text"', "{}", '{"request": 7}', '{"request": {}, "response": {"choices": 3}}')
    with open_database(root / STORE_FILE) as database:
        with database.write() as connection:
            for number, payload in enumerate(strange):
                connection.execute(
                    text("UPDATE calls SET payload = :payload WHERE call_id = :call_id"),
                    {"payload": payload, "call_id": f"call-{number}"},
                )
        found = survey(database)
    assert (found.calls, found.unreadable) == (30, len(strange))
    assert [one.calls for one in found.candidates] == [30 - len(strange)]


def test_answers_that_look_like_json_and_are_not(root):
    deep = "[" * 100_000
    answers = (deep, "{", '{"a": NaN}', '{"a": "\\ud800"}', "[1, null, {}]", "```json\n{}\n```", "\x00", "")
    store(
        root,
        [
            call(n, f"Sort the following stone: {n}", response_text=answers[n % len(answers)])
            for n in range(80)
        ],
    )
    with open_database(root / STORE_FILE) as database:
        (found,) = survey(database).candidates
    assert found.calls == 80
    assert found.verdict == "not narrow"
