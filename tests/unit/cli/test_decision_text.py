"""Decisions on a terminal: at most 60 lines of 80 columns, narrow ones too; no text moves the cursor."""

import io
import re

import pytest
from rich.console import Console
from support.example_decisions import EXAMPLES, decision, from_the_log, measured, no_go, undecided

from insource.cli.decision_text import OPTIONS, show_decision, show_decisions
from insource.report import units
from insource.types.decided import Decision, KillCriterion

LINES, WIDTH = 60, 80
LONG = "word " * 200


def printed(decisions, width: int = WIDTH) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, markup=False, highlight=False, emoji=False)
    if isinstance(decisions, Decision):
        show_decision(decisions, console)
    else:
        show_decisions(decisions, console)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("make", EXAMPLES)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_decision_fits(make, width):
    lines = printed(make(), width)
    assert max(map(len, lines)) <= width
    if width >= WIDTH:
        assert len(lines) <= LINES


@pytest.mark.parametrize("make", EXAMPLES)
def test_it_says_the_verdict_the_numbers_and_what_is_next(make):
    whole = make()
    text = " ".join(" ".join(printed(whole, 300)).split())
    assert whole.verdict.sentence in text
    for name in ("Cost per 1,000 correct documents", "Break-even volume", "Probability of payback"):
        assert name in text
    for kill in whole.kills:
        assert (kill.sentence if kill.met else kill.name) in text or kill.met is False
    for question in whole.questions:
        assert f"{question.answer}: {question.sentence}" in text
    assert (whole.next.command if whole.next else "no experiment could change the verdict") in text


def test_the_options_stand_in_their_order_with_their_figures():
    lines = printed(decision())
    for rank, one in enumerate(decision().options, 1):
        (row,) = [line for line in lines if line.startswith(f"{rank} {one.name}")]
        assert units.bare(one.quality.value, "share") in row
        assert units.usd(one.saves.value) in row
        assert one.standing in row


def test_options_without_a_figure_are_named_below():
    lines = " ".join(" ".join(printed(from_the_log(), 300)).split())
    assert "also" in lines
    assert all(one.name in lines for one in from_the_log().options)


def test_a_decision_with_much_to_say_is_cut():
    one = measured()
    wordy = one.model_copy(
        update={
            "verdict": one.verdict.model_copy(update={"sentence": LONG}),
            "kills": tuple(KillCriterion(name=LONG, met=True, sentence=LONG) for _ in range(9)),
            "options": tuple(option.model_copy(update={"why": LONG}) for option in one.options * 4),
            "questions": tuple(q.model_copy(update={"sentence": LONG}) for q in one.questions),
            "gates": one.gates * 9,
            "unknown": {f"{LONG}{n}": LONG for n in range(40)},
            "simulated": True,
        }
    )
    lines = printed(wordy)
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert any(line.endswith("…") for line in lines)


def test_no_text_of_a_log_moves_the_cursor():
    evil = "[red]\x1b[2J\u202egnp.exe\r[/red]"
    first = decision().options[0].model_copy(update={"name": evil, "why": evil})
    whole = decision(
        task=evil,
        options=(first,),
        headline=evil,
        verdict=decision().verdict.model_copy(update={"sentence": evil}),
        unknown={evil: evil},
    )
    for lines in (printed(whole), printed([whole])):
        text = "\n".join(lines)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
        assert "[red]" in text


def test_several_tasks_are_a_table():
    several = [make() for make in EXAMPLES]
    lines = printed(several)
    assert len(lines) == 1 + len(several)
    assert max(map(len, lines)) <= WIDTH
    for line, one in zip(lines[1:], several, strict=True):
        assert one.task in line
        assert one.verdict.outcome in line
    assert "unknown" in next(line for line in lines if line.startswith(undecided().task))
    assert no_go().next.depth in lines[2]


def test_a_table_in_a_narrow_terminal_is_cut_not_broken():
    assert len(printed([measured(), undecided()], 60)) == 3


def test_only_so_many_options_are_shown():
    many = decision(options=decision().options * 3)
    rows = [line for line in printed(many) if re.match(r"\d+ (cascade|tuned|small tier|cloud|n-grams)", line)]
    assert len(rows) == OPTIONS
