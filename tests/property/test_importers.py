"""Laws of importing: a record is the same wherever it stands, and every record is accounted for."""

import csv
import io
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insource.formats.containers import records
from insource.logs.importers.protocol import Imported, Rejected, Skipped
from insource.logs.importers.registry import importer
from insource.testing.importers import read

EXCHANGES = importer("exchanges")
# Few different ones, so that equal records are common.
LOGS = st.lists(st.sampled_from("abc"), max_size=8)

numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)
objects = st.lists(
    st.dictionaries(st.text(min_size=1), values, min_size=1, max_size=4), min_size=1, max_size=5
)


def log(letters):
    rows = (
        {"request": {"model": "m", "messages": [{"role": "user", "content": letter}]}, "response": {"a": 1}}
        for letter in letters
    )
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def ids(letters):
    return [outcome.call.call_id for outcome in read(EXCHANGES, log(letters))]


@settings(deadline=None)
@given(LOGS, st.randoms(use_true_random=False))
def test_equal_lines_are_so_many_calls_in_whatever_order(letters, order):
    shuffled = list(letters)
    order.shuffle(shuffled)
    assert len(set(ids(letters))) == len(letters)
    assert set(ids(shuffled)) == set(ids(letters))


@settings(deadline=None)
@given(LOGS, LOGS)
def test_two_files_together_have_the_larger_count_of_each_line(first, second):
    larger = Counter(first) | Counter(second)
    assert len({*ids(first), *ids(second)}) == larger.total()


@settings(deadline=None)
@given(LOGS, st.integers(0, 8))
def test_a_longer_export_begins_with_the_same_calls(letters, length):
    assert ids(letters)[:length] == ids(letters[:length])


@settings(deadline=None)
@given(objects, st.sampled_from(["lines", "list", "indented", "one after another"]), st.booleans())
def test_json_records_come_out_as_they_went_in(rows, arrangement, unescaped):
    def spelled(value, indent=None):
        return json.dumps(value, ensure_ascii=not unescaped, indent=indent).encode("utf-8", "surrogatepass")

    if arrangement == "lines":
        data = b"\n".join(map(spelled, rows))
    elif arrangement == "one after another":
        data = b"\n".join(spelled(row, 1) for row in rows)
    else:
        data = spelled(rows, 2 if arrangement == "indented" else None)
    if any("data" in row for row in rows):  # a page of a list endpoint is unpacked
        return
    assert [record for _, record in records(io.BytesIO(data))] == rows


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters=","), min_size=1),
        min_size=2,
        max_size=4,
        unique=True,
    ),
    st.data(),
)
def test_csv_records_come_out_as_they_went_in(header, data):
    cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
    rows = data.draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), max_size=4))
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["id", *header], *(["1", *row] for row in rows)])
    if "id" in header:
        return
    expected = [dict(zip(["id", *header], ["1", *row], strict=True)) for row in rows]
    found = [record for _, record in records(io.BytesIO(b"\xef\xbb\xbf" + file.getvalue().encode()))]
    assert found == expected


@pytest.mark.parametrize("name", ["langfuse", "otel", "openai-finetune"])
@settings(deadline=None)
@given(lines=st.lists(st.sampled_from(["good", "other", "bad", "list", ""]), max_size=12))
def test_every_line_is_imported_rejected_or_skipped(name, lines):
    spelled = {
        "langfuse": {"good": {"id": "1", "usageDetails": {}}, "other": {"type": "SPAN"}},
        "otel": {
            "good": {"attributes": {"gen_ai.request.model": "m"}},
            "other": {"attributes": {"db.system": "x"}},
        },
        "openai-finetune": {"good": {"messages": [{"role": "assistant"}]}, "other": {"messages": []}},
    }[name]
    texts = {key: json.dumps(value) for key, value in spelled.items()} | {"bad": '{"a', "list": "[1]", "": ""}
    data = "".join(f"{texts[line]}\n" for line in ["good", *lines]).encode()
    outcomes = read(importer(name), data)
    kinds = Counter(type(outcome) for outcome in outcomes)
    other = Rejected if name == "openai-finetune" else Skipped
    expected = Counter({Imported: 1 + lines.count("good")})
    expected[Rejected] += lines.count("bad") + lines.count("list")
    expected[other] += lines.count("other")
    assert kinds == +expected
    numbers = [number for number, line in enumerate(["good", *lines], 1) if line]
    assert [outcome.line for outcome in outcomes] == numbers
