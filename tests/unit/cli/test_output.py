import errno
import io
from pathlib import Path

import click
import pytest
from support.recipes import recipe
from unit.docs.generated_pages import ROOT

from insource.cli import main as command_line
from insource.cli import output
from insource.cli.output import Terminal, duration, fail, interrupted, near, show
from insource.foundation.errors import ConfigError, DataError, Interrupted
from insource.types import NOT_MEASURED, Estimate


def test_an_error_is_message_details_hint_and_where_to_read_on(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    code = fail(DataError("bad-rows", "2 rows.", details=("line 1", "line 9"), hint="Mend them."))
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "error: 2 rows.",
        "  line 1",
        "  line 9",
        "",
        "hint: Mend them.",
        "      See docs/reference/errors.md#bad-rows",
    ]


@pytest.mark.parametrize("layout", ["site-packages/insource", "checkout/src/insource"])
def test_a_page_that_a_hint_names_is_on_this_machine(capsys, monkeypatch, tmp_path, layout):
    """A wheel has the pages beside the modules, a checkout at its root."""
    package = tmp_path / layout
    pages = (package if "site" in layout else tmp_path / "checkout") / "docs"
    for name in ("reference/errors.md", "guides/import-logs.md"):
        (pages / name).parent.mkdir(parents=True, exist_ok=True)
        (pages / name).touch()
    monkeypatch.setattr(output, "PACKAGE", package)
    fail(DataError("bad-rows", "2 rows.", hint="docs/guides/import-logs.md has an example, docs/no.md none."))
    said = capsys.readouterr().err
    assert f"hint: {pages}/guides/import-logs.md has an example, docs/no.md none." in said
    assert f"See {pages}/reference/errors.md#bad-rows" in said


@pytest.mark.parametrize(("error", "code"), [(ConfigError("a", "b"), 2), (Interrupted("a", "b"), 130)])
def test_the_exit_code_is_the_error_s(error, code):
    assert fail(error) == code


def test_ctrl_c_says_that_nothing_finished_is_lost(capsys):
    assert interrupted() == 130
    assert "Run the same command again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("raised", "exit_code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.exceptions.Abort(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), 1, "errors.md#disk-full"),
        (OSError(errno.EACCES, "Permission denied", "/data/x"), 1, "Permission denied (/data/x)"),
        (click.UsageError("what?"), 2, "what?"),
    ],
)
def test_whatever_stops_a_verb_ends_in_words(monkeypatch, capsys, raised, exit_code, said):
    def stop(*args, **kwargs):
        raise raised

    monkeypatch.setattr(command_line.cli, "main", stop)
    with pytest.raises(SystemExit) as caught:
        command_line.main([])
    assert caught.value.code == exit_code
    assert said in capsys.readouterr().err


def test_a_bug_is_not_hidden_behind_a_message(monkeypatch):
    def stop(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(command_line.cli, "main", stop)
    with pytest.raises(ZeroDivisionError):
        command_line.main([])


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3540, "59 min"), (4800, "1 h 20 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(value=0.942, low=0.91, high=0.965), "94.2 % [91.0, 96.5]"),
        (Estimate(value=1.0), "100.0 %"),
        (NOT_MEASURED, "not measured"),
        (None, "not measured"),
    ],
)
def test_a_figure_carries_its_interval_or_says_that_there_is_none(estimate, text):
    assert show(estimate) == text


def test_a_path_is_as_short_as_it_can_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert near(tmp_path / "a" / "b") == str(Path("a/b"))
    assert near(Path("/elsewhere/b")) == "/elsewhere/b"


@pytest.mark.parametrize(
    ("seconds_each", "shown"),
    [
        (1.0, [3, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        (0.1, [21, 41, 61, 81, 100]),
        (0.0, [100]),
    ],
)
def test_without_a_terminal_progress_is_at_most_a_line_a_tenth(monkeypatch, capsys, seconds_each, shown):
    """Answers that are replayed take no time, and get one line."""
    terminal = Terminal()
    for done in range(1, 101):
        monkeypatch.setattr("time.monotonic", lambda now=done: 1000 + now * seconds_each)
        terminal.progress("documents", done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert [int(line.split("/")[0]) for line in lines] == shown
    assert all(("left" in line) == (not line.startswith("  100/")) for line in lines)


def test_what_is_left_of_a_second_part_is_counted_from_its_beginning(monkeypatch, capsys):
    terminal = Terminal()
    clock = 1000.0
    for _ in range(2):
        for done in range(1, 5):
            clock += 10.0
            monkeypatch.setattr("time.monotonic", lambda now=clock: now)
            terminal.progress("rows", done, 4)
    lines = capsys.readouterr().err.splitlines()
    first, second = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    assert first == second == ["  2/4  rows, 20 s left", "  3/4  rows, 10 s left", "  4/4  rows"]


def test_progress_of_nothing_and_quiet_progress_say_nothing(capsys):
    Terminal().progress("documents", 0, 0)
    quiet = Terminal(quiet=True)
    quiet.progress("documents", 5, 10)
    quiet.stage("train", "x")
    quiet.note("x")
    quiet.planned(recipe())
    assert capsys.readouterr().err == ""


def test_every_planned_choice_is_shown_with_its_reason(capsys):
    planned = recipe()
    Terminal().planned(planned)
    said = capsys.readouterr().err
    assert all(choice.value in said and choice.reason in said for choice in planned.choices)


def test_yes_is_shown_and_no_terminal_is_a_no(capsys, monkeypatch):
    assert Terminal(yes=True).confirm("Pay $3?")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert not Terminal().confirm("Pay $3?")
    said = capsys.readouterr().err
    assert "Pay $3? yes (--yes)" in said
    assert "Pay $3? no" in said


def test_an_error_about_hostile_text_does_not_reach_the_terminal_raw(capsys):
    fail(DataError("bad-rows", "Row \x1b[31m\u202e", details=("a\x1b[2J",), hint="See \x9b0m\nor not."))
    assert not set(capsys.readouterr().err) & {"\x1b", "\u202e", "\x9b"}
