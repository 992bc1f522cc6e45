"""A sample of documents that never changes."""

from insource.evaluation.sample import sample


def test_a_sample_is_in_order_and_never_changes(rows):
    examples = rows.examples(rows.tickets(100))
    few = sample(examples, 10)
    assert len(few) == 10
    assert [e.row_id for e in examples if e in few] == [e.row_id for e in few]
    assert sample(tuple(reversed(examples)), 10) == tuple(reversed(few))
    assert sample(examples, None) == examples
    assert sample(examples, 1000) == examples


def test_a_sample_of_alternating_rows_has_both_kinds(rows):
    examples = rows.examples(rows.tickets(100))
    places = {examples.index(one) % 5 for one in sample(examples, 40)}
    assert places == {0, 1, 2, 3, 4}
