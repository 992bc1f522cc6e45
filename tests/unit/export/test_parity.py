"""How much agreement is parity: near-ties do not count against it, everything else does."""

from insource.export.parity import judge


def test_all_equal_passes():
    assert judge(3, 36, 0, 36, [0.01] * 36, True).passed


def test_one_near_tie_in_a_short_answer_is_no_reason_to_refuse():
    assert judge(6, 17, 1, 18, [0.02] * 18, True).passed


def test_one_real_disagreement_in_a_short_answer_is():
    assert not judge(6, 17, 0, 18, [0.02] * 18, True).passed


def test_other_probabilities_or_prompt_tokens_are_no_parity():
    assert not judge(3, 36, 0, 36, [0.2] * 36, True).passed
    assert not judge(3, 36, 0, 36, [0.0] * 36, False).passed


def test_nothing_said_is_no_parity():
    found = judge(3, 0, 0, 0, [], True)
    assert not found.passed
    assert "0 of 0" in found.sentence


def test_without_listed_log_probabilities_the_tokens_decide():
    found = judge(3, 36, 0, 36, [], True)
    assert found.passed
    assert "difference not measured" in found.sentence
    assert not judge(3, 30, 0, 36, [], True).passed
