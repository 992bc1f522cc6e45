"""The leakage report, and what it rests on: masked text, identifiers, near-duplicates."""

import json

import numpy as np
import pytest
from support.near_copies import documents

from insource.dataset.build import build
from insource.dataset.rows.records import row_of
from insource.dataset.saved.card import data_card
from insource.dataset.splits.identifiers import Identifiers, words_of
from insource.dataset.splits.templates import masked
from insource.similarity.normal_text import normalised, undated

TEXTS = (  # long enough for near-duplicates, and unlike each other
    "Dear team, the parcel I ordered from your shop two weeks ago has still not arrived at my home in town.",
    "Hello, I was charged twice for the same subscription last month and would like to get it back.",
    "Good morning, the screen of the laptop stays dark although the light is on and the fan is running.",
    "To whom it may concern: please cancel my newsletter and delete the data you keep about me, thank you.",
)


def write(tmp_path, records):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def report(tmp_path, records, **settings):
    dataset = build(write(tmp_path, records), name="s", **settings)
    return dataset, {overlap.kind: overlap for overlap in dataset.manifest.overlaps}


def given(text, split, number, **more):
    return {"id": f"r{number}", "input": text, "output": "x", "split": split, **more}


def base():
    splits = ("train", "validation", "calibration", "test")
    return [given(f"{TEXTS[n]}", split, n) for n, split in enumerate(splits)]


def test_nothing_shared_says_so(tmp_path):
    dataset, found = report(tmp_path, base())
    assert {kind: overlap.count for kind, overlap in found.items()} == dict.fromkeys(
        ["exact-record", "near-duplicate-record", "near-duplicate-text", "template", "identifier"], 0
    )
    assert "No row with the same input in two splits." in data_card(dataset.manifest)


def test_equal_and_nearly_equal_inputs_are_taken_out_of_what_learns(tmp_path):
    records = [
        *base(),
        given(TEXTS[3].upper(), "train", 10),
        given(TEXTS[3].replace("thank you", "thanks"), "train", 11),
        given("Something else entirely, about the weather in spring.", "train", 12),
    ]
    dataset, found = report(tmp_path, records)
    assert dataset.manifest.dropped == {"leak": 2}
    assert (found["exact-record"].removed, found["near-duplicate-record"].removed) == (1, 1)
    assert found["exact-record"].instances[0].detail == "the train input is also that of 'r3' in test"
    assert (
        found["near-duplicate-record"].instances[0].detail == "the train input is nearly that of 'r3' in test"
    )
    assert found["near-duplicate-text"].count == 0


def test_the_same_words_with_other_numbers_are_reported_and_stay(tmp_path):
    text = TEXTS[0] + " The number of the order is {}, and I ordered on a Monday."
    records = [*base(), given(text.format(4100), "train", 10), given(text.format(4137), "test", 11)]
    dataset, found = report(tmp_path, records)
    assert dataset.manifest.dropped == {}
    assert found["near-duplicate-text"].rows == {"train": 1, "test": 1}
    assert found["template"].rows == {"train": 1, "test": 1}
    assert found["template"].summary == "1 templates stand in several splits: 1 of 2 in test rows have one"


def test_in_a_crowd_on_one_template_no_document_stands_in_two_splits(tmp_path):
    body = " ".join(f"{TEXTS[n % 4]} {'abcdefgh'[n]}" for n in range(8))
    crowd = [f"{body[:300]} order {4100 + n} {body[300:]} the sales team" for n in range(80)]
    twins = [text.replace("sales team", "support desk") for text in crowd]
    records = [given(text, None, n) for n, text in enumerate([*crowd, *twins])]
    dataset, found = report(tmp_path, records)
    where = {example.row_id: split for split, examples in dataset.splits.items() for example in examples}
    assert len(where) == 160
    assert all(where[f"r{n}"] == where[f"r{n + 80}"] for n in range(80))
    assert found["near-duplicate-text"].count == 160


def mails(count):
    """Mails of 60 words, each other than all others."""
    return list(documents(count, np.random.default_rng(3), words=60))


def placed(dataset):
    return {example.row_id: split for split, examples in dataset.splits.items() for example in examples}


def test_a_mail_sent_again_at_another_time_is_one_record(tmp_path):
    records = [
        given(f"Sent 10:{minute:02} on 12 March 2024. Order {4100 + n}. {text}", None, f"{n}-{minute}")
        for n, text in enumerate(mails(60))
        for minute in (n % 60, (n + 7) % 60)
    ]
    where = placed(report(tmp_path, records)[0])
    homes = [{split for row_id, split in where.items() if row_id.startswith(f"r{n}-")} for n in range(60)]
    assert len(where) == 120
    assert all(len(home) == 1 for home in homes)


def test_invoices_on_one_template_are_told_apart_by_number_and_keep_their_splits(tmp_path):
    (body,) = mails(1)
    records = [given(f"Invoice {4100 + n} of 2024-03-{1 + n % 28:02}. {body}", None, n) for n in range(100)]
    dataset, _ = report(tmp_path, records)
    assert dataset.manifest.counts == {"train": 70, "validation": 10, "calibration": 10, "test": 10}
    assert dataset.manifest.dropped == {}


def test_letters_on_one_template_with_other_names_and_dates_keep_their_splits(tmp_path):
    (body,) = mails(1)
    names = [first + last for first in ("Anna", "Bob", "Carl", "Dora") for last in "abcdefghijkl"]
    records = [given(f"Dear {name}, see you on 2024-03-{1 + n % 28:02} at 1{n % 9}:{n:02}. {body}", None, n)
               for n, name in enumerate(names)]  # fmt: skip
    dataset, _ = report(tmp_path, records)
    assert dataset.manifest.dropped == {}
    assert dataset.manifest.counts["train"] > 30


def test_commands_about_a_time_are_not_one_record(tmp_path):
    records = [given(f"Set the alarm to {hour}:{minute:02}", None, f"{hour}-{minute}")
               for hour in (6, 7) for minute in range(30)]  # fmt: skip
    dataset, _ = report(tmp_path, records)
    assert dataset.manifest.counts["train"] == 42


def test_invoices_that_differ_in_the_date_alone_are_one_record(tmp_path):
    records = [
        given(f"Invoice {4100 + n} of 2024-0{month}-01. {text}", None, f"{n}-{month}")
        for n, text in enumerate(mails(30))
        for month in (1, 2)
    ]
    where = placed(report(tmp_path, records)[0])
    assert all(where[f"r{n}-1"] == where[f"r{n}-2"] for n in range(30))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Sent 10:32, 9:05:11 pm, 2024-05-01T10:32:07.123+02:00", "sent 0, 0, 0t0"),
        ("12.03.2024, 1/2/2024, 12/03/24, 2024-03-12.", "0, 0, 0, 0."),
        ("Sun, 12 Mar 2024 10:32:01 +0100; 3. März; March 12th, 2024; on Sept. 3", "sun, 0 0; 0; 0; on 0"),
        ("v10.12.24.7, 1.2.3, 12.50 EUR, 2:1", "v10.12.24.7, 1.2.3, 12.50 eur, 2:1"),
        ("Market 12, order 2024-17, item 31 2023", "market 12, order 2024-17, item 31 2023"),
    ],
)
def test_dates_and_times_of_day_are_left_out_of_a_long_text(text, left):
    rest = " and all the rest" * 50
    assert undated(text + rest) == left + rest
    assert undated(text) == normalised(text)


def test_identifiers_by_shape_in_two_splits_are_reported(tmp_path):
    records = [
        *base(),
        given("Invoice INV-20931 is due.", "train", 10),
        given("A reminder: please pay the sum of INV-20931 soon.", "test", 11),
        given("On 2024-05-01 I paid 1,204.50 for 12 items.", "train", 12),
        given("We met on 2024-05-01 and it cost 1,204.50 for 12 of us.", "test", 13),
    ]
    _, found = report(tmp_path, records)
    assert found["identifier"].count == 1
    assert found["identifier"].rows == {"train": 1, "test": 1}
    assert found["identifier"].instances[0].detail == "test: 'INV-20931' is also in another split"


def test_identifiers_by_uniqueness_are_fields_of_the_label(tmp_path):
    splits = ["train"] * 30 + ["validation", "calibration"] + ["test"] * 8
    records = [
        given(f"{TEXTS[n % 4]} {n}", split, n)
        | {"output": {"number": f"NO-{n % 38:02}x", "kind": f"k{n % 3}"}}
        for n, split in enumerate(splits)
    ]
    _, found = report(tmp_path, records)
    assert "by the unique fields number," in found["identifier"].summary
    assert found["identifier"].count == 2


@pytest.mark.parametrize(("rows", "found"), [(1, 0), (2, 2), (10, 10), (11, 0)])
def test_what_stands_in_two_to_ten_rows_identifies_in_text_and_label_alike(rows, found):
    seen = Identifiers()
    for index in range(40):
        number = "INV-7777" if index < rows else f"INV-{index:04}"
        record = {"id": str(index), "input": f"Invoice {number}.", "output": {"number": number}}
        seen.observe(index, row_of(record, line=index, source="test"))
    shared = seen.shared(np.ones(40, np.bool_))
    assert shared.rows.tolist() == list(range(found))
    assert len(np.unique(shared.keys)) == min(found, 1)
    without_first = seen.shared(np.arange(40) > 0)
    assert len(without_first.rows) == (rows - 1 if 2 < rows <= 11 else 0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("see INV-20931, order #A12-99 and 10049281.", ["INV-20931", "#A12-99", "10049281"]),
        ("2024-05-01, 01.05.2024, 2024-05-01T10:00, 1,204.50, 12345, 100ms, 21st, 3.14159", []),
        ("anna9@example.org and https://example.org/a1b2c3", []),
    ],
)
def test_the_shape_of_an_identifier(text, words):
    assert words_of(text) == words


def test_masked_text_is_the_same_for_one_template():
    label = {"supplier": "Acme Tools", "total": 12.5}
    other = {"supplier": "Brown and Sons", "total": 1204}
    one = "Invoice 17\nSupplier: Acme Tools\nTotal: 12.50 EUR, to be paid by Anna Smith"
    two = "Invoice 1834\nSupplier: Brown and Sons\nTotal: 1,204 EUR, to be paid by Bob"
    assert masked(one, label) == masked(two, other) == "invoice 9 supplier: x total: 9 eur, to be paid by x"
    assert masked("Order 17 of Acme Tools", label) != masked(one, label)
