"""Folds: a group stays together, every label reaches every fold, and the order of rows means nothing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from support.tickets import examples

from insource.arms.folds import FOLDS, assign, units_of

ROWS = st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from(["x", "y", "z"])), min_size=1)


@given(ROWS, st.randoms())
def test_no_unit_crosses_folds_in_any_order(rows, random):
    def folds_of(pairs):
        units, labels = zip(*pairs, strict=True)
        # The label of a unit is its most frequent one, whatever the order.
        return dict(zip(units, assign(units, labels).tolist(), strict=True)), assign(units, labels).tolist()

    found, each = folds_of(rows)
    assert all(found[unit] == fold for (unit, _), fold in zip(rows, each, strict=True))
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert folds_of(shuffled)[0] == found
    sizes = Counter(found.values())
    assert max(sizes.values()) - min(sizes[fold] for fold in range(FOLDS)) <= 1


def test_a_label_with_three_units_is_in_every_fold():
    units = [f"{label}{n}" for label in "abcde" for n in range(3)]
    labels = [unit[0] for unit in units]
    folds = assign(units, labels)
    for label in "abcde":
        assert {int(f) for f, one in zip(folds, labels, strict=True) if one == label} == set(range(FOLDS))


def test_rows_of_a_group_or_of_one_document_are_a_unit():
    grouped = examples([("a", "x"), ("b", "x"), ("c", "y")], groups=["g", "g", "h"])
    assert len(set(units_of(grouped))) == 2
    alone = examples([("a", "x"), ("a", "y"), ("b", "y")])
    assert len(set(units_of(alone))) == 2
    # A group with the name of a document's digest is not that document.
    assert len(set(units_of((*alone[:1], *examples([("c", "x")], groups=["a"]))))) == 2
