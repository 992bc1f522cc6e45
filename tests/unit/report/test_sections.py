"""Each section of the report: there when its data are, gone when not, complete in every format."""

import re
from collections.abc import Iterator

import pytest
from support.example_decisions import measured
from support.example_results import example_result
from support.judged_answers import halving, summary_of
from support.measured_runs import agreement_run, demo_run, labels_run, unfair_run
from support.retentions import retained_run
from support.step_ladders import stepped_run

from insource.report import render, render_markdown, words
from insource.report.page import Cell, Plot, ShownExample, Table
from insource.report.sections.contents import sections
from insource.report.sections.errors.error_mix import NAMES
from insource.report.sections.estimates import ESTIMATE_COLUMNS
from insource.types import ClassMetrics, Estimate, RunResult, Text
from insource.types.result import Served


def decided_run() -> RunResult:
    return example_result(decision=measured())


def confident_run(_: int = 0) -> RunResult:
    result = example_result()
    routing = result.routing.model_copy(update={"confidence": summary_of(halving())})
    return result.model_copy(update={"routing": routing})


RUNS = [
    confident_run,
    example_result,
    demo_run,
    labels_run,
    unfair_run,
    agreement_run,
    stepped_run,
    decided_run,
]


def small(run) -> RunResult:
    return run() if run in (example_result, decided_run) else run(60)


def anchors(result: RunResult) -> set[str]:
    return {section.anchor for section in sections(result)}


def without(**changes):
    """Return a run without some data of its own."""
    return lambda result: result.model_copy(update=changes)


def evaluations(**changes):
    """Return a run whose evaluations lack some data."""

    def change(result: RunResult) -> RunResult:
        left = tuple(one.model_copy(update=changes) for one in result.evaluations)
        return result.model_copy(update={"evaluations": left})

    return change


def metrics(*prefixes: str):
    def change(result: RunResult) -> RunResult:
        left = tuple(
            one.model_copy(
                update={"metrics": {k: v for k, v in one.metrics.items() if not k.startswith(prefixes)}}
            )
            for one in result.evaluations
        )
        return result.model_copy(update={"evaluations": left})

    return change


@pytest.mark.parametrize(
    ("anchor", "run", "remove"),
    [
        ("ladder", demo_run, without(evaluations=())),
        ("primary", demo_run, without(choice=None, registration=None)),
        ("difference", demo_run, without(comparisons=())),
        ("worth", decided_run, without(decision=None)),
        ("options", decided_run, without(decision=None)),
        ("fairness", unfair_run, without(comparisons=())),
        ("fairness", unfair_run, without(choice=None)),  # of an earlier version, which did not look for any
        ("labels-behind", labels_run, without(gold=None, ceiling=None)),
        ("error-mix", demo_run, without(error_mixes=())),
        ("slices", demo_run, without(slices=None)),
        ("added", demo_run, without(added=None)),
        ("break-point", demo_run, without(break_points=())),
        ("fields", demo_run, evaluations(fields=())),
        ("groups", demo_run, evaluations(slices={})),
        ("labels", labels_run, evaluations(classes=())),
        ("invention", demo_run, metrics("hallucination", "unsupported")),
        ("format", demo_run, metrics("format", "parse", "repairable", "schema", "surface", "run")),
        ("latency", demo_run, evaluations(latency_s={})),
        ("effort", demo_run, lambda r: evaluations(effort=None)(r.model_copy(update={"choice": None}))),
        ("training", demo_run, without(training=None)),
        ("steps", stepped_run, without(step_ladder=None)),
        ("retention", retained_run, without(retention=None)),
        ("routing", example_result, without(routing=None)),
        ("confidence", confident_run, without(routing=None)),
        ("disagreements", demo_run, without(disagreements=())),
    ],
)  # fmt: skip
def test_a_section_is_there_when_its_data_are(anchor, run, remove):
    result = small(run)
    assert anchor in anchors(result)
    left = remove(result)
    assert anchor not in anchors(left)
    assert f'id="{anchor}"' not in render(left)


def test_nothing_missing_needs_no_section():
    whole = [e.model_copy(update={"metrics": {}}) for e in example_result().evaluations]
    assert "not-measured" not in anchors(example_result(evaluations=tuple(whole)))
    stopped = whole[0].model_copy(update={"stopped": "it cannot reach 90.0 % any more"})
    section = next(
        s for s in sections(example_result(evaluations=(stopped,), skipped_arms={"rag": "no folder"}))
        if s.anchor == "not-measured"
    )  # fmt: skip
    assert [row[2] for row in section.blocks[0].rows] == ["no folder", "it cannot reach 90.0 % any more"]


def test_a_text_task_says_what_its_verdict_rests_on():
    manifest = example_result().dataset.model_copy(update={"output": Text()})
    comparison = example_result().comparisons[0].model_copy(update={"metric": "required_facts"})
    result = example_result(dataset=manifest, comparisons=(comparison,))
    said = "The verdict rests on the required facts of each document"
    assert said in render(result)
    assert said in render_markdown(result)
    assert said not in render(example_result())


def test_against_a_model_s_labels_no_title_says_accuracy():
    result = small(agreement_run)
    titles = [
        title
        for section in sections(result)
        if section.anchor != "glossary"
        for block in section.blocks
        for title in _titles(block)
    ]
    assert any("agreement with openai/gpt-4o" in title.lower() for title in titles)
    assert not [title for title in titles if "accura" in title.lower()]
    assert "how far an arm agrees" in render(result)
    assert any(
        "ccuracy" in title for s in sections(small(labels_run)) for b in s.blocks for title in _titles(b)
    )


def _titles(block) -> Iterator[str]:
    if isinstance(block, Plot):
        yield block.question
        yield from block.table.columns
        for layer in block.draw(864)["layer"]:
            for channel in layer["encoding"].values():
                yield (channel.get("axis") or {}).get("title", "") if isinstance(channel, dict) else ""
    elif isinstance(block, Table):
        yield from (block.caption, *block.columns)


@pytest.mark.parametrize("run", RUNS)
def test_no_figure_stands_without_interval_and_n(run):
    """A ratio in a table has its interval and n, but for those that no sample is behind."""
    counted = {"The same in the labels", "Uniformity"}
    for section in sections(small(run)):
        for table in _tables(section.blocks):
            if set(ESTIMATE_COLUMNS) <= set(table.columns):
                continue
            for row in table.rows:
                for column, cell in zip(table.columns, row, strict=True):
                    text, detail = (cell, "") if isinstance(cell, str) else (cell.text, cell.detail)
                    if (
                        not re.fullmatch(r"\d+\.\d%", text)
                        or column in counted
                        or table.columns[0] == "Slice"
                    ):
                        continue
                    assert "[" in detail or "no interval" in detail, (section.anchor, column)
                    assert "n\u00a0=" in detail, (section.anchor, column)


def _tables(blocks) -> Iterator[Table]:
    for block in blocks:
        if isinstance(block, Plot | ShownExample):
            yield block.table
        elif isinstance(block, Table):
            yield block


@pytest.mark.parametrize("run", RUNS)
def test_markdown_says_what_json_says(run):
    result = RunResult.model_validate_json(small(run).model_dump_json())
    text = render_markdown(result)
    assert text == render_markdown(small(run))
    plain = text.replace("\\", "").replace("<br>", " ").replace("\u00a0", " ")
    for said in _said(result):
        assert " ".join(said.replace("\u00a0", " ").split()) in plain, said


def _said(result: RunResult) -> Iterator[str]:
    """Everything a reader of the JSON would look for."""
    yield from (result.verdict.sentence, *result.verdict.reasons, *result.verdict.flips_if)
    for one in result.evaluations:
        for name, estimate in one.metrics.items():
            yield words.value(estimate, ratio=words.metric(name).ratio)
        yield from (words.value(field.accuracy) for field in one.fields)
    for comparison in result.comparisons:
        yield comparison.sentence
        yield words.difference(comparison).partition(" ")[0]
        yield from [words.gap(comparison.adjusted.difference)] if comparison.adjusted else []
        yield from [comparison.other_question.sentence] if comparison.other_question else []
    for fairness in result.fairness.values():
        yield from (handicap.sentence for handicap in fairness.handicaps)
    for mix in result.error_mixes:
        yield mix.sentence
        yield from (f"{NAMES[cause.cause]} | {cause.slots:,}" for cause in mix.causes)
    yield from (found.sentence for found in result.break_points)
    yield from (f"{s.kind}: {s.name}" for s in (result.slices.found if result.slices else ()))
    yield from (f"{name} | the whole arm | {reason}" for name, reason in result.skipped_arms.items())
    yield from (found.target for found in result.disagreements if not found.target.startswith("{"))


@pytest.mark.parametrize("run", [demo_run, labels_run])
def test_a_result_of_an_earlier_version_still_renders(run):
    new = {"choice", "registration", "slices", "break_points", "fairness", "error_mixes", "gold", "ceiling"}
    fields = {"effort", "expected", "stopped", "classes", "confusion", "grounding"}
    older = small(run).model_dump(mode="json", exclude=new)
    for one in older["evaluations"]:
        for name in fields:
            one.pop(name)
    for one in older["comparisons"]:
        for name in ("question", "other_question", "mix", "adjusted", "standing", "required"):
            one.pop(name, None)
    result = RunResult.model_validate(older)
    assert {"ladder", "difference", "arms", "provenance"} <= anchors(result)
    assert "primary" not in anchors(result)
    assert render_markdown(result).startswith("### ")
    render(result)


def test_many_labels_and_arms_stay_a_page_of_bounded_size():
    share = Estimate(value=0.9, low=0.8, high=0.95, n=40, method="Wilson")
    names = [f"label-{number:03}" for number in range(150)]
    classes = tuple(
        ClassMetrics(label=name, n=40, answered=41, precision=share, recall=share, f1=share) for name in names
    )
    confusion = {gold: dict.fromkeys(names, 1) for gold in names}
    result = small(labels_run)
    arms = [
        one.model_copy(
            update={
                "arm": one.arm.model_copy(
                    update={"name": f"{one.arm.name} {copy}" if copy else one.arm.name}
                ),
                "classes": classes,
                "confusion": confusion,
            }
        )
        for copy in range(3)
        for one in result.evaluations
    ]
    html = render(result.model_copy(update={"evaluations": tuple(arms)}))
    assert len(html.encode()) < 1_000_000
    assert html.count("label-149") < 40


def test_what_is_served_for_the_chosen_arm_is_named():
    served = Served(arm="spans", model="insource/equipment", kind="fitted", folder="x-fit-y")
    said = "insource/equipment (fitted), for spans"
    assert said in render_markdown(example_result(served=served)).replace("\\", "")
    assert "Served" not in render_markdown(example_result())


def test_a_cell_that_is_chosen_says_so():
    ladder = sections(small(demo_run))[0].blocks[0]
    badges = {cell.text: cell.badge for row in ladder.table.rows if isinstance(cell := row[0], Cell)}
    assert [name for name, badge in badges.items() if badge == "chosen"] == ["spans"]
    assert badges["cloud"] == "simulated cloud"


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("documents", "at most 5% wrong among locally served answers"),
        ("fields", "at most 5% wrong among the fields of locally served answers"),
        ("invented", "at most 5% invented among the values in locally served answers"),
    ],
)
def test_the_section_on_routing_names_what_the_bound_counts(loss, said):
    result = example_result()
    policy = result.routing.policy.model_copy(update={"basis": "guaranteed", "loss": loss})
    shown = result.model_copy(update={"routing": result.routing.model_copy(update={"policy": policy})})
    assert said in render_markdown(shown)
