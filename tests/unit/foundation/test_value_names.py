"""Two different values never have the same name."""

from hypothesis import given
from hypothesis import strategies as st

from insource.foundation.value_names import told_apart, value_name

SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.text(max_size=3)
SPELLINGS = st.sampled_from(["1", "1.0", "true", "null", '"1"', "one", "1e0", "", " 1", "01"])


def json_equal(one, other):
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return one == other if numbers else type(one) is type(other) and one == other


@given(SCALARS | SPELLINGS, SCALARS | SPELLINGS)
def test_names_are_equal_where_the_values_are(one, other):
    assert (value_name(one) == value_name(other)) == json_equal(one, other)


def test_plain_texts_are_their_own_names():
    assert [value_name(value) for value in ("billing", 1, 2.0, "1", True, None)] == [
        "billing", "1", "2", '"1"', "true", "null",
    ]  # fmt: skip


def test_a_text_that_no_parser_reads_is_its_own_name():
    deep = "[" * 100_000
    assert value_name(deep) == deep


def test_names_with_separators_are_quoted_all_of_them():
    assert told_apart(["a", "b c"]) == ("a", "b c")
    assert told_apart(["a", "b, c"]) == ('"a"', '"b, c"')
    assert told_apart(['say "no"', "two\nlines"]) == ('"say \\"no\\""', '"two\\nlines"')


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4, unique=True))
def test_a_list_of_names_reads_back(names):
    shown = told_apart(names)
    assert len(set(shown)) == len(names)
    if shown == tuple(names):
        assert ", ".join(shown).split(", ") == names
