"""The documents that choose the checkpoint do not choose the candidate, where there are enough of them."""

from hypothesis import given
from hypothesis import strategies as st

from insource.training.select.documents import LEAST_IN_A_HALF, checkpoint_documents


def documents(rows, groups):
    examples = rows.examples(rows.tickets(len(groups)))
    return [one.model_copy(update={"group": group}) for one, group in zip(examples, groups, strict=True)]


@given(st.lists(st.none() | st.sampled_from("abcdefgh"), max_size=200), st.randoms())
def test_halves_keep_groups_together_and_do_not_depend_on_the_order(rows, groups, random):
    validation = documents(rows, groups)
    found = checkpoint_documents(validation)
    chosen = {one.row_id for one in found.examples}
    assert [one for one in validation if one.row_id in chosen] == list(found.examples)
    rest = [one for one in validation if one.row_id not in chosen]
    if found.shared:
        assert not rest
    else:
        assert min(len(found.examples), len(rest)) >= LEAST_IN_A_HALF
        named = {one.group for one in found.examples if one.group}
        assert named.isdisjoint({one.group for one in rest if one.group})
    random.shuffle(validation)
    assert {one.row_id for one in checkpoint_documents(validation).examples} == chosen


def test_a_large_validation_split_has_two_halves(rows):
    found = checkpoint_documents(documents(rows, [None] * 80))
    assert (found.shared, len(found.examples), found.value) == (False, 40, "40 of validation")
    assert "the candidate half, 40 documents" in found.reason


def test_a_small_one_says_that_it_is_used_twice(rows):
    found = checkpoint_documents(documents(rows, [None] * 40))
    assert (found.shared, len(found.examples)) == (True, 40)
    assert "the same ones choose the candidate" in found.reason
