"""What a run prints at its end, and the report rebuilt from a run folder."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.example_decisions import decision
from support.example_results import example_result, labels_result
from support.measured_runs import agreement_run, demo_run, labels_run, unfair_run

from insource.cli import report
from insource.cli.output import WIDTH, show, summary
from insource.report import render, render_markdown
from insource.types import RunResult, Verdict

RUNS = [example_result, labels_result, demo_run, labels_run, unfair_run, agreement_run]


def printed(result: RunResult, capsys) -> tuple[list[str], str]:
    """Return the lines of the ladder and everything below."""
    summary(result)
    table, _, rest = capsys.readouterr().err.strip("\n").partition("\n\n")
    ladder = table.splitlines()
    return [line for line in ladder if not line.startswith(tuple(f"{n}:" for n in result.skipped_arms))], rest


def test_the_decision_of_a_run_is_printed_as_it_is_worded(capsys):
    """Square brackets are a section of insource.toml, and no style."""
    worded = decision(
        verdict=Verdict(outcome="go", sentence="Set model under [reference], then [bold]run[/].")
    )
    _, rest = printed(example_result().model_copy(update={"decision": worded}), capsys)
    assert "Set model under [reference], then [bold]run[/]." in rest


@pytest.mark.parametrize("run", RUNS)
def test_the_ladder_fits_and_has_every_arm_with_its_figures(run, capsys):
    result = run()
    ladder, _ = printed(result, capsys)
    assert max(map(len, ladder)) <= WIDTH
    text = "\n".join(ladder)
    for evaluation in result.evaluations:
        metric = result.choice.metric if result.choice else next(iter(evaluation.metrics))
        assert show(evaluation.metrics[metric]) in text
        assert evaluation.arm.name.split()[0] in text


@pytest.mark.parametrize(("run", "chosen"), [(demo_run, "spans"), (labels_run, "embeddings")])
def test_the_chosen_arm_alone_is_marked(run, chosen, capsys):
    ladder, _ = printed(run(), capsys)
    marked = [line.split()[1] for line in ladder if line.startswith("→")]
    assert marked == [chosen]


def test_a_simulated_cost_is_marked(capsys):
    ladder, _ = printed(demo_run(), capsys)
    assert "~$30.00" in next(line for line in ladder if "simulated" in line)


def test_an_unfair_cloud_and_the_causes_of_errors_have_a_line_each(capsys):
    _, rest = printed(unfair_run(), capsys)
    assert re.search(r"^Fairness: gpt-4o has a handicap \(labels .*; the outcome rests on it\.$", rest, re.M)
    assert rest.count("Errors: ") == 1
    assert "not comparable" in rest
    _, quiet = printed(labels_run(), capsys)
    assert "Fairness:" not in quiet


def test_the_primary_comparison_is_said_in_full_and_the_others_in_a_line(capsys):
    result = demo_run()
    _, rest = printed(result, capsys)
    first, *others = result.comparisons
    assert first.sentence in rest
    assert not any(one.sentence in rest for one in others)
    assert "spans is better than floor" in rest


def test_on_a_model_s_labels_the_heading_says_agreement(capsys):
    ladder, _ = printed(agreement_run(), capsys)
    assert "agreement with openai/gpt-4o" in ladder[0]
    assert "accuracy" not in ladder[0]


@pytest.mark.parametrize("run", [example_result, demo_run, unfair_run])
def test_every_format_is_rebuilt_from_the_run_folder(run, tmp_path, monkeypatch):
    result = run()
    folder = tmp_path / ".insource" / "runs" / result.run_id
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(result.model_dump_json())
    manifest = {"schema_version": 1, "run_id": result.run_id, "stage": "run", "key": "0" * 64}
    manifest |= {"started_at": result.started_at, "finished_at": result.finished_at, "seconds": 1.0}
    (folder / "manifest.json").write_text(
        json.dumps(manifest | {"insource": "0", "outputs": [], "result": {}})
    )
    (tmp_path / "rows.jsonl").write_text('{"input": "a", "output": "b"}\n')
    (tmp_path / "insource.toml").write_text("[project]\nseed = 7\n")
    monkeypatch.chdir(tmp_path)

    def rebuilt(*arguments: str) -> str:
        done = CliRunner().invoke(report.command, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    rebuilt()
    assert (folder / "report.html").read_text(encoding="utf-8") == render(result)
    assert rebuilt("--format", "md").strip() == render_markdown(result).strip()
    assert RunResult.model_validate_json(rebuilt("--format", "json")) == result
    rebuilt("-o", "elsewhere.html")
    assert Path("elsewhere.html").read_text(encoding="utf-8") == render(result)
