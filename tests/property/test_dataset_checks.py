"""For any rows and every check: nothing is lost, nothing changes unasked, and a fix is done once."""

import json
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.planted_rows import KINDS, PLANTABLE, Rows, context, plant

from insource.contract.infer import infer_output
from insource.dataset.checks.precedence import standing
from insource.dataset.checks.suite import CHECKS, apply_fixes, run_checks
from insource.dataset.rows.staged import staged
from insource.types import Dropped, FixDecision, OutputSpec, Provenance, Row

QUICK = settings(max_examples=25, deadline=None)
FIXABLE = [check.name for check in CHECKS]

words = st.sampled_from(
    ["three-phase", "3-phase", "3 Phase", "480 V", "480V", "n/a", "I cannot help with that.", "2024-01-05"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
leaf = words | st.none() | st.booleans() | st.integers(-1000, 1000) | st.lists(words, max_size=3)
answer = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), leaf | st.dictionaries(st.just("d"), leaf), max_size=3
)
clouds = words | answer.map(json.dumps)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    inputs = st.sampled_from(["x", "Answer: 480 V", '{"a": "480 V", "b": 3}', "call +49 170 1234567"]) | words
    made = []
    for index in range(draw(st.integers(1, 12))):
        origin = Provenance(
            source="s",
            label=draw(st.sampled_from(["checked", "teacher"])),
            human_edited=draw(st.booleans()),
            model=draw(st.sampled_from(["", "m-1", "m-2"])),
            finish_reason=draw(st.sampled_from(["", "stop", "length"])),
        )
        made.append(
            Row(
                line=index + 1,
                row_id=f"r{index}",
                input=draw(inputs) or "x",
                output=draw(answer | words.filter(str.strip) | st.just('{"a": ')),
                prompt=draw(st.sampled_from(["", "Read.", "Example:\nAnswer: 480 V", "Answer: n/a"])),
                split=draw(st.sampled_from([None, "train", "calibration", "test"])),
                group=draw(st.sampled_from([None, "a", "+49 170 1234567"])),
                cloud_outputs=draw(st.dictionaries(st.sampled_from(["m-1", "m-2"]), clouds, max_size=2)),
                time=draw(st.sampled_from([None, "2025-01-01", "2025-06-01"])),
                provenance=origin,
            )
        )
    return made


def bodies(items: list[Row]) -> list[str]:
    return [row.model_dump_json() for row in items]


def contract(items: list[Row]) -> OutputSpec:
    return infer_output([row.output for row in items])


def check_laws(items: list[Row], name: str, output: OutputSpec) -> None:
    with TemporaryDirectory() as folder, staged(Rows(items), Path(folder)) as work:
        about = context(work, output)
        kind = KINDS[name]
        before = run_checks(about, (kind,))[0]
        assert bodies(list(work)) == bodies(items)
        decision = FixDecision(
            check=name, decision="apply", parameters=before.fix.parameters if before.fix else {}
        )
        steps = [fix.step for fix in apply_fixes(about, [decision], (kind,))]
        for step in (*work.funnel, *steps):
            assert step.rows_in == step.dropped + step.rows_out
        assert work.read == len(items) == len(work) + len(work.dropped)
        once = bodies(list(work))
        after = run_checks(about, (kind,))[0]
        assert after.fix is None, after
        for fix in apply_fixes(about, [decision], (kind,)):
            assert (fix.step.dropped, fix.step.changed) == (0, 0)
        assert bodies(list(work)) == once


@pytest.mark.parametrize("name", FIXABLE)
@given(items=rows())
@QUICK
def test_a_fix_is_counted_and_done_once(name: str, items: list[Row]) -> None:
    check_laws(items, name, contract(items))


@pytest.mark.parametrize("name", PLANTABLE)
def test_a_fix_of_planted_rows_is_done_once(name: str) -> None:
    from support.planted_rows import CONTRACT

    check_laws(plant(name, 200).rows, name, CONTRACT)


@given(items=rows(), seed=st.randoms(use_true_random=False))
@QUICK
def test_the_order_of_rows_changes_no_count(items, seed):
    shuffled = list(items)
    seed.shuffle(shuffled)
    counts = []
    for order in (items, shuffled):
        with TemporaryDirectory() as folder, staged(Rows(order), Path(folder)) as work:
            found = run_checks(context(work, contract(items)))
            counts.append({one.check: one.count for one in found if one.check in KINDS})
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["exact-duplicates", "contradictory-labels"])
@given(items=rows())
@QUICK
def test_what_stands_highest_stays_unless_all_of_a_question_go(name: str, items: list[Row]) -> None:
    with TemporaryDirectory() as folder, staged(Rows(items), Path(folder)) as work:
        about = context(work, contract(items))
        apply_fixes(about, [FixDecision(check=name, decision="apply")], (KINDS[name],))
        kept = {row.row_id for row in work}
        by_question = sorted((about.view(row).asked, row.row_id, row) for row in items)
        for _, group in groupby(by_question, lambda one: one[0]):
            asked = [row for _, _, row in group]
            staying = [standing(row) for row in asked if row.row_id in kept]
            assert max(staying, default=None) in (max(map(standing, asked)), None)
            assert staying or name == "contradictory-labels"


@given(items=rows())
@QUICK
def test_all_fixes_together_lose_nothing(items: list[Row]) -> None:
    with TemporaryDirectory() as folder, staged(Rows(items), Path(folder)) as work:
        about = context(work, contract(items))
        apply_fixes(about, [FixDecision(check=name, decision="apply") for name in FIXABLE])
        assert work.read == len(items)
        assert {row.row_id for row in work} | {drop.row_id for drop in work.dropped} == {
            row.row_id for row in items
        }
        assert all(isinstance(drop, Dropped) and drop.reason in FIXABLE for drop in work.dropped)
