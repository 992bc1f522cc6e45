"""Whatever happens to the bytes of a segment, only the records it happened to are lost."""

from hypothesis import given
from hypothesis import strategies as st

from insource.store.spool.frames import encode, scan

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
segments = st.lists(st.dictionaries(st.text(), json_values, max_size=4), min_size=1, max_size=8)


def read(data, *, closed=True):
    return [record.fields for record in scan(data, closed=closed).records]


@given(records=segments, data=st.data(), closed=st.booleans())
def test_a_truncation_never_loses_a_record_complete_before_the_cut(records, data, closed):
    encoded = [encode(record) for record in records]
    cut = data.draw(st.integers(0, sum(map(len, encoded))))
    complete, end = 0, 0
    while complete < len(encoded) and end + len(encoded[complete]) <= cut:
        end += len(encoded[complete])
        complete += 1
    assert read(b"".join(encoded)[:cut], closed=closed) == records[:complete]


@given(records=segments, data=st.data())
def test_one_damaged_byte_costs_at_most_its_own_record(records, data):
    encoded = [encode(record) for record in records]
    damaged = bytearray(b"".join(encoded))
    position = data.draw(st.integers(0, len(damaged) - 1))
    damaged[position] ^= data.draw(st.integers(1, 255))
    hit = next(i for i in range(len(encoded)) if sum(map(len, encoded[: i + 1])) > position)
    assert read(bytes(damaged)) == records[:hit] + records[hit + 1 :]


@given(records=segments, data=st.data())
def test_reading_in_two_steps_while_the_segment_grows_finds_the_same(records, data):
    whole = b"".join(encode(record) for record in records)
    cut = data.draw(st.integers(0, len(whole)))
    first = scan(whole[:cut], closed=False)
    assert [r.fields for r in first.records] + read(whole[first.consumed :]) == records


@given(records=segments, data=st.data())
def test_a_record_cut_short_in_front_of_others_hides_none_of_them(records, data):
    stump = encode({"cut": "short"})
    stump = stump[: data.draw(st.integers(1, len(stump) - 1))]
    assert read(stump + b"".join(encode(record) for record in records)) == records
