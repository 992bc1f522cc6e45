"""A lost skill is found, a kept one is not, and a probe at the floor says that it cannot tell."""

import math
import re

import pytest

from insource.evaluation.retention.drift import (
    LARGE,
    NextTokens,
    adapter_off,
    band,
    divergence,
    drift,
    whole_tokens,
)
from insource.evaluation.retention.probes import MAKERS, Question, probes
from insource.evaluation.retention.skills import compare_skills
from insource.types import Completion, TokenLogprob

ANSWERS = {
    "arithmetic": lambda p: str(eval(re.search(r"\d+ [+-] \d+", p)[0])),
    "sorting": lambda p: ", ".join(sorted(re.findall(r"\d+", p))),
    "copying": lambda p: p.partition(": ")[2],
    "counting": lambda p: str(p.count(",") + 1),
}


def answered(made, **right):
    """The answers of a model that has each skill in this share of its questions."""
    found = {}
    for probe in made:
        able = round(right.get(probe.name, 0.0) * len(probe.questions))
        found[probe.name] = [
            ANSWERS[probe.name](question.prompt) if place < able else "I do not know."
            for place, question in enumerate(probe.questions)
        ]
    return found


def results(base, tuned, each=30):
    made = probes(0, each)
    return {one.probe: one for one in compare_skills(made, answered(made, **base), answered(made, **tuned))}


def test_equal_seeds_give_equal_questions_and_others_give_others():
    prompts = [[q.prompt for probe in probes(seed, 5) for q in probe.questions] for seed in (1, 1, 2)]
    assert prompts[0] == prompts[1] != prompts[2]
    assert [probe.name for probe in probes(1, 1)] == list(MAKERS)


@pytest.mark.parametrize("name", list(ANSWERS))
def test_an_answer_is_right_with_its_result_however_it_is_wrapped(name):
    probe = next(probe for probe in probes(3, 40) if probe.name == name)
    for question in probe.questions:
        result = ANSWERS[name](question.prompt)
        assert question.right(result)
        assert question.right(f'{{"answer": "{result}"}}')
        assert not question.right("")
        assert not question.right("I do not know.")
        # Repeating the question is no answer, but to the request to repeat.
        assert question.right(question.prompt) is (name == "copying")


@pytest.mark.parametrize(
    ("name", "marks", "right", "wrong"),
    [
        ("dates", "2025-02-28", "That is 2025-03-01.", "2025-02-29"),
        ("JSON repair", "", None, "{}"),
    ],
)
def test_dates_and_objects_are_read_from_the_answer(name, marks, right, wrong):
    for question in next(probe for probe in probes(5, 200) if probe.name == name).questions:
        assert not question.right(wrong if marks in question.prompt else "no")
        if name == "JSON repair":
            shown = question.prompt.partition(": ")[2]
            pairs = re.findall(r"(\w+)['\"]?: (\d+)", shown)
            whole = "{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}"
            assert question.right(f"```json\n{whole}\n```")
            assert not question.right(shown)
        else:
            given = re.search(r"\d{4}-\d\d-\d\d", question.prompt)[0]
            assert not question.right(given)


@pytest.mark.parametrize(
    ("asked", "right", "wrong"),
    [
        ("capital letters only", "A RIVER FLOWS.", "A river FLOWS."),
        ("Begin with the word", None, "It is so."),
        ("question mark", "Is it so? Why?", "It is so."),
        ("one a line", None, "- one\nand more"),
        ("holds both words", None, "Neither of them."),
    ],
)
def test_instructions_are_about_the_form(asked, right, wrong):
    questions: list[Question] = [
        question
        for probe in probes(7, 120)
        if probe.name == "instructions"
        for question in probe.questions
        if asked in question.prompt
    ]
    assert questions
    for question in questions:
        words = re.findall(r"[A-Za-z]+", question.prompt)
        right_here = right or {
            "Begin with the word": f"{words[-1]} is a word.",
            "one a line": "\n".join(["- thing"] * int(next(iter(re.findall(r"\d", question.prompt)), 0))),
            "holds both words": f"The {words[-3]} has a {words[-1]}.",
        }.get(asked, "")
        assert question.right(right_here), (question.prompt, right_here)
        assert not question.right(wrong)


def test_a_lost_skill_is_lost_and_a_kept_one_is_not():
    found = results(
        base={"arithmetic": 0.9, "copying": 0.9, "counting": 0.9},
        tuned={"arithmetic": 0.1, "copying": 0.9, "counting": 0.8},
    )
    assert found["arithmetic"].outcome == "lost"
    assert found["arithmetic"].difference.high <= 0  # Holm's bound of what is rejected; zero is excluded
    assert found["copying"].outcome == "undecided"  # thirty questions do not exclude a loss of five points
    assert found["copying"].difference.value == 0.0
    assert found["counting"].outcome == "undecided"


def test_with_enough_questions_a_kept_skill_is_held():
    found = results(base={"copying": 0.9}, tuned={"copying": 0.9}, each=400)
    assert found["copying"].outcome == "held"
    assert found["copying"].difference.low > -0.05


def test_a_probe_at_the_floor_cannot_detect_a_loss():
    found = results(base={"sorting": 0.1, "counting": 0.2}, tuned={})
    # Counting is right by guessing one time in seven, so a fifth is no skill.
    for name in ("sorting", "counting", "dates"):
        assert found[name].outcome == "cannot detect"
        assert not found[name].difference.measured
        assert found[name].difference.note == "this probe cannot detect a loss"
        assert found[name].base.measured


def logs(**shares):
    return {int(token[1:]): math.log(share) for token, share in shares.items()}


def test_divergence_is_that_of_kullback_and_leibler():
    base, tuned = logs(t1=0.7, t2=0.3), logs(t1=0.4, t2=0.6)
    assert divergence(base, tuned) == pytest.approx(0.7 * math.log(0.7 / 0.4) + 0.3 * math.log(0.3 / 0.6))
    assert divergence(base, base) == 0.0
    assert divergence(base, logs(t8=0.5, t9=0.5)) == 0.0  # no common token: nothing is known, nothing claimed


def test_joining_the_unlisted_tokens_never_overstates():
    base = logs(t1=0.5, t2=0.3, t3=0.15, t4=0.05)
    tuned = logs(t1=0.2, t2=0.3, t3=0.1, t4=0.4)
    whole = divergence(base, tuned)
    for listed in range(1, 4):
        part = divergence(dict(list(base.items())[:listed]), tuned)
        assert 0 <= part <= whole + 1e-12


@pytest.mark.parametrize(
    ("nats", "named"),
    [(0.0, "negligible"), (0.0049, "negligible"), (0.005, "small"), (0.0699, "like heavy"), (0.07, "large")],
)
def test_the_bands_are_those_of_quantisation(nats, named):
    assert band(nats).startswith(named)


def test_drift_has_the_prompt_as_its_unit():
    same, other = logs(t1=0.9, t2=0.1), logs(t1=0.1, t2=0.9)
    places = [NextTokens(n // 10, same, other if n >= 50 else same) for n in range(100)]
    found = drift("general", places)
    assert found.same_first.value == 0.5
    assert found.nats.n == 100
    assert "by group (10 groups)" in found.nats.method
    assert found.band == LARGE
    assert found.p99.value == pytest.approx(0.8 * math.log(9))


def test_an_answer_counts_up_to_the_first_token_that_is_not_listed():
    def token(number, text, top=((1, -0.1),)):
        return TokenLogprob(id=number, bytes=text.encode(), logprob=-0.1, top=top)

    assert len(whole_tokens(Completion(text="abc", tokens=(token(1, "a"), token(2, "bc"))))) == 2
    assert len(whole_tokens(Completion(text="aéc", tokens=(token(1, "a"), token(2, "c"))))) == 1
    assert len(whole_tokens(Completion(text="ab", tokens=(token(1, "a", ()), token(2, "b"))))) == 0


def test_the_adapter_is_off_when_the_base_answers():
    def said(text, logprob):
        return Completion(text=text, tokens=(TokenLogprob(id=1, bytes=text.encode(), logprob=logprob),))

    base = [said("a", -0.1), said("b", -0.2)]
    assert adapter_off(base, base).same.value == 1.0
    assert adapter_off(base, base).largest_difference == 0.0
    assert adapter_off(base, [said("a", -0.4), said("x", -9.0)]).same.value == 0.5
    assert adapter_off(base, [said("a", -0.4), said("x", -9.0)]).largest_difference == pytest.approx(0.3)
