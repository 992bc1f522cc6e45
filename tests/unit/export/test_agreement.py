"""When a step of an export may be published: by its answers, token by token, and by the task's metric."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insource.evaluation.scorers import build_scorer
from insource.export.agreement import Measure, Said, greedy, judge_step, require
from insource.foundation.errors import IntegrityError
from insource.types import Labels, Task

TASK = Task(
    name="tickets",
    instruction="Route.",
    output=Labels(names=("billing", "delivery", "technical")),
    primary_metric="accuracy",
)


@pytest.fixture(scope="module")
def examples(request):
    from insource.types import Example

    targets = ["billing", "delivery", "technical", "billing"] * 10
    return tuple(
        Example(row_id=f"row-{n}", digest=str(n), input=f"document {n}", target=target,
                provenance={"source": "rows.jsonl"})
        for n, target in enumerate(targets)
    )  # fmt: skip


def said(text, *tokens):
    return Said(tokens or tuple(map(ord, text)), text)


def judged(examples, here, *, lossless, trained=None):
    measure = Measure(examples, build_scorer(TASK), TASK)
    return judge_step("step", trained or [said(e.target) for e in examples], here, measure, lossless=lossless)


def test_the_same_answers_pass_with_interval_and_n(examples):
    found = judged(examples, [said(e.target) for e in examples], lossless=True)
    assert found.passed
    assert (found.exact.value, found.exact.n, found.first_difference) == (1.0, 40, None)
    assert found.exact.low < 1.0
    assert (found.quality.value, found.trained.value, found.difference.value) == (1.0, 1.0, 0.0)
    require(found)


def test_the_first_differing_token_is_counted_from_the_start_of_the_answer(examples):
    here = [said(e.target) for e in examples]
    here[3] = Said((*here[3].tokens[:4], 0), "bill?")
    here[7] = Said(here[7].tokens[:6], "billin")
    found = judged(examples, here, lossless=False)
    assert found.differing == {"row-3": 4, "row-7": 6}
    assert found.first_difference == 4
    assert "38 of 40 answers equal token by token, the earliest difference at token 5" in found.sentence


def test_a_loss_of_the_metric_is_refused_whatever_the_step(examples):
    here = [said("delivery" if n % 4 == 0 else e.target) for n, e in enumerate(examples)]
    for lossless in (True, False):
        found = judged(examples, here, lossless=lossless)
        assert found.difference.value == pytest.approx(-0.25)
        assert not found.passed
        with pytest.raises(IntegrityError) as caught:
            require(found)
        assert caught.value.code == "parity-failed"
        assert caught.value.details == (found.sentence,)


def test_other_tokens_for_the_same_answers_are_no_loss_but_no_lossless_step(examples):
    here = [said(e.target, 1, 2, 3) for e in examples]
    assert judged(examples, here, lossless=False).passed
    assert not judged(examples, here, lossless=True).passed


def test_a_gain_passes(examples):
    trained = [said("delivery") for e in examples]
    found = judged(examples, [said(e.target) for e in examples], lossless=False, trained=trained)
    assert found.difference.value > 0
    assert found.passed


def test_where_nothing_was_right_the_sentence_says_that_it_cannot_show_a_loss(examples):
    wrong = [said("billing" if e.target != "billing" else "technical") for e in examples]
    found = judged(examples, wrong, lossless=True, trained=wrong)
    assert "cannot show a loss" in found.sentence


class Counting:
    """A model whose next token is the last one plus one; 9 is its stop token."""

    def __init__(self):
        self.passes = 0

    def __call__(self, ids, past_key_values=None, use_cache=False):
        import torch

        self.passes += 1
        logits = torch.nn.functional.one_hot((ids + 1) % 10, 10).float()
        return type("Out", (), {"logits": logits, "past_key_values": None})()


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 9), st.integers(1, 12))
def test_a_draft_changes_how_fast_an_answer_is_found_never_which(draft, start, most):
    plain = greedy(Counting(), [start], [], frozenset({9}), most)
    drafted = greedy(Counting(), [start], draft[:most], frozenset({9}), most)
    assert drafted == plain


def test_a_right_draft_takes_one_pass():
    model = Counting()
    assert greedy(model, [3], [4, 5, 6, 7, 8], frozenset({9}), 20) == ((4, 5, 6, 7, 8), True)
    assert model.passes == 1
