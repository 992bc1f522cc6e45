"""The findings in a terminal: 80 columns, nothing of the rows' own making steers it, and counts add up."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from insource.cli.main import cli
from insource.workflow.check import CheckReport

CONFIG = """
[task]
name = "mail"
instruction = "Which team?"

[dataset]
path = "rows.jsonl"
on_bad_rows = "drop"
"""
HOSTILE = "\x1b[31m\u202egnillib\x07"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows = [{"input": f"question {n} about an invoice", "output": "billing"} for n in range(20)]
    rows += [{"input": f"question {n} about a cable", "output": "technical"} for n in range(20)]
    rows += [{"id": HOSTILE, "input": "n/a", "output": "billing"}]
    rows += [{"input": f"{HOSTILE} {'long ' * 60}\nAnswer: technical", "output": "technical"}]
    rows += [{"input": "question 1 about a cable", "output": "billing"}]
    text = "".join(json.dumps(row) + "\n" for row in rows) + "{broken\n"
    (tmp_path / "rows.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "insource.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "no-models"))
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["dataset", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_findings_fit_the_terminal_and_cannot_steer_it(project: Path) -> None:
    shown = run("check")
    assert max(map(len, shown.splitlines())) <= 80
    assert not set("\x1b\x07\u202e") & set(shown)
    assert "short-inputs" in shown
    assert "invalid-json" in shown
    assert not set("\x1b\x07\u202e") & set(
        (project / ".insource/checks/findings.md").read_text(encoding="utf-8")
    )


def test_the_json_is_the_report(project: Path) -> None:
    report = CheckReport.model_validate_json(run("check", "--json"))
    counts = {finding.check: finding.count for finding in report.findings}
    assert (counts["short-inputs"], counts["answer-in-prompt"], counts["contradictory-labels"]) == (1, 1, 2)
    assert report.read == 44
    length = next(one for one in report.findings if one.check == "over-length")
    assert "tokens are not counted" in length.skipped


def test_decisions_say_what_they_do_and_the_funnel_adds_up(project: Path) -> None:
    run("check")
    decided = run(
        "fix", "--apply", "short-inputs", "--apply", "answer-in-prompt", "--decline", "contradictory-labels"
    )
    assert "1 row dropped" in decided
    assert "2 rows stay as they are" in decided
    shown = run("build")
    manifest = json.loads(run("build", "--json"))
    for step in manifest["funnel"]:
        assert step["rows_in"] == step["dropped"] + step["rows_out"]
        assert step["step"] in shown
    assert manifest["dropped"]["short-inputs"] == 1
    assert manifest["read"] == sum(manifest["counts"].values()) + sum(manifest["dropped"].values())
    assert next(step for step in manifest["funnel"] if step["step"] == "answer-in-prompt")["changed"] == 1


def test_findings_damaged_by_a_kill_are_as_if_nobody_had_looked(project: Path) -> None:
    run("check")
    findings = project / ".insource/checks/findings.json"
    findings.write_bytes(findings.read_bytes()[:300])
    refused = CliRunner().invoke(cli, ["dataset", "fix", "--apply", "short-inputs"])
    assert "Look first" in str(getattr(refused.exception, "hint", ""))
    run("check")
    assert "short-inputs" in run("fix", "--apply", "short-inputs")


def test_the_check_counts_the_rows_that_stop_a_build(project: Path) -> None:
    assert json.loads(run("check", "--json"))["stopping"] == 0
    (project / "insource.toml").write_text(CONFIG.replace("drop", "error"), encoding="utf-8")
    result = CliRunner().invoke(cli, ["dataset", "check"])
    assert "1 unusable rows stop `insource dataset build`" in result.stderr


def test_without_a_usable_row_nothing_is_in_order(project: Path) -> None:
    (project / "rows.jsonl").write_text("{broken\n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["dataset", "check"], catch_exceptions=False)
    assert "Nothing found by" not in result.stdout
    assert "No row is usable, so nothing was checked" in result.stderr
    assert "Next" not in result.stderr


def test_init_says_what_to_do_about_columns_it_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("when,what,team\n1,a cable,red\n", encoding="utf-8")
    said = CliRunner().invoke(cli, ["init", "--data", "rows.csv"]).stderr
    assert "when, what, team" in said
    assert "Next: Say which is which" in said
    assert "insource run" not in said


def test_what_the_grammar_leaves_out_and_cannot_write_is_said(tmp_path, monkeypatch):
    schema = {
        "type": "object",
        "properties": {
            "n": {"enum": [1, 9007199254740993]},
            "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        },
    }
    rows = [{"input": f"document {n}", "output": {"n": 1 if n else 9007199254740993}} for n in range(20)]
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "insource.toml").write_text(CONFIG.replace("[dataset]", 'schema = "schema.json"\n[dataset]'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "no-models"))
    result = CliRunner().invoke(cli, ["dataset", "check"], catch_exceptions=False)
    said = " ".join((result.output + result.stderr).split())
    assert "The grammar does not enforce `uniqueItems` (#/properties/tags)" in said
    assert "unwritable-label: n: the grammar does not write 9007199254740993" in said
