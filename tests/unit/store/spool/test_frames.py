from insource.store.spool.frames import MAGIC, encode, scan

RECORDS = [{"n": 0}, {"text": "Zürich 480 V"}, {"n": 2}]
ENCODED = [encode(record) for record in RECORDS]
DATA = b"".join(ENCODED)


def fields(data, *, closed=True):
    return [record.fields for record in scan(data, closed=closed).records]


def test_whole_records_are_read_back_in_order():
    found = scan(DATA, closed=True)
    assert [record.fields for record in found.records] == RECORDS
    assert (found.consumed, found.corrupt, found.torn) == (len(DATA), 0, False)


def test_an_unfinished_record_waits_in_a_growing_segment_and_is_torn_in_a_closed_one():
    data = DATA[:-3]
    growing, closed = scan(data, closed=False), scan(data, closed=True)
    assert growing.consumed == len(ENCODED[0]) + len(ENCODED[1])
    assert (growing.corrupt, growing.torn) == (0, False)
    assert (closed.consumed, closed.torn) == (len(data), True)


def test_a_damaged_record_is_counted_and_stepped_over():
    damaged = bytearray(DATA)
    damaged[len(ENCODED[0]) + 14] ^= 0xFF
    found = scan(bytes(damaged), closed=False)
    assert [record.fields for record in found.records] == [RECORDS[0], RECORDS[2]]
    assert found.corrupt == 1


def test_a_damaged_length_does_not_swallow_what_follows():
    damaged = bytearray(DATA)
    damaged[7] = 0x7F  # the first record now claims two gigabytes
    assert fields(bytes(damaged)) == RECORDS[1:]


def test_a_tail_of_zeros_after_a_power_cut_is_torn():
    found = scan(DATA + bytes(4096), closed=True)
    assert len(found.records) == 3
    assert found.torn


def test_what_json_cannot_spell_is_kept_as_text():
    assert fields(
        encode(
            {
                "value": {
                    1,
                },
                "odd": "\ud800",
            }
        )
    ) == [{"value": "{1}", "odd": "\ud800"}]


def test_the_marker_cannot_occur_in_text():
    assert MAGIC not in encode({"text": MAGIC.decode("latin-1")})[4:]
