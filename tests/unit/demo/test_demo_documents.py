"""The generated documents: their facts can be read back, and only their facts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from functools import cache

import jsonschema_rs
import pytest

from insource.demo.documents import generate
from insource.demo.layouts import HELD_OUT, LAYOUTS, SEEN
from insource.demo.schema import SCHEMA

RUNNING_TEXT = {
    "description",
    "tender_clause",
    "commissioning_note",
    "catalogue_entry",
    "brochure",
    "phone_memo",
    "order_confirmation",
}
COUNTS = {"train": 400, "validation": 80, "calibration": 80, "test": 400}
NUMBER_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "fourteen": 14, "sixteen": 16, "eighteen": 18, "twenty": 20,
    "twenty-four": 24, "thirty-two": 32,
}  # fmt: skip
COUNT = r"(\d+|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + r")"
FIELDS = (
    "model_number",
    "power_requirements.voltage",
    "power_requirements.phase",
    "power_requirements.frequency",
    "power_requirements.amperage",
    "io_config.digital_inputs",
    "io_config.relay_outputs",
    "protocols",
    "warranty_years",
)


@cache
def rows(seed: int = 11) -> tuple[dict, ...]:
    return tuple(generate(COUNTS, seed))


def value_of(row: dict, path: str):
    value = row["output"]
    for key in path.split("."):
        value = value[key]
    return value


def decimal(text: str) -> float:
    return float(text.replace(",", "."))


def whole(text: str) -> int:
    return NUMBER_WORDS.get(text.lower()) if text.lower() in NUMBER_WORDS else int(text)


# A reader written against the documents alone, by the conventions of the trade. It knows nothing of
# how the generator spells; each function returns every value of its kind that the page states.


def page(row: dict) -> str:
    """The text as one reads it: exports column by column, broken prose joined, identifiers set aside."""
    text = row["input"].replace(row["output"]["model_number"] or "\0", "<id>")
    if row["group"] == "csv_line":
        head, line = text.split("\n")
        cells = csv.reader([head, line], delimiter=max(",;|", key=head.count))
        return "\n".join(f"{name}: {value}" for name, value in zip(*cells, strict=True))
    if row["group"] in RUNNING_TEXT:
        return text.replace("\n", " ")
    if row["group"] == "numbered_sections":
        return re.sub(r"^\d+(\.\d+)? +", "", text, flags=re.M)
    return re.sub(r"\?[^\n]*\nA: +", ": ", text)


def voltages(text: str, layout: str) -> set[str]:
    text = re.sub(r"250 {1,2}VAC|2\.5\s{1,2}kV", "", text)  # relay contacts, insulation test
    if layout == "nameplate":
        found = [decimal(n) for n in re.findall(r"\b(?:VOLTS|VOLTAGE|V) +(\d+)\b", text)]
    elif layout == "spec_matrix":
        found = [decimal(n) for n in re.findall(r" V [ |;]+(\d+)", text)]
    else:
        number = r"(?<![\w.,])(\d+(?:[.,]\d+)?) {0,2}"
        found = [decimal(n) * 1000 for n in re.findall(number + "kV", text)]
        found += [decimal(n) for n in re.findall(number + r"(?:V|volts)", text)]
    return {f"{round(value)} V" for value in found}


def phases(text: str, layout: str) -> set[str]:
    if layout == "nameplate":
        found = re.findall(r"\b(?:PH|PHASE) +([13])\b", text)
    elif layout == "spec_matrix":
        found = re.findall(r"phase\w*[ a-z]*[ |;]+-[ |;]+([13])", text, re.I)
    else:
        found = re.findall(r"(?<![\w.])([13]|three|single)[- ]{0,2}(?:phase|ph\b|Ø|~)", text, re.I)
    return {{"three": "3", "single": "1"}.get(f.lower(), f) + "-phase" for f in found}


def frequencies(text: str, layout: str) -> set[str]:
    if layout == "nameplate":
        found = re.findall(r"\b(?:HZ|CYCLES|FREQ) +(\d+)", text)
    elif layout == "spec_matrix":
        found = re.findall(r" Hz [ |;]+(\d+)", text)
    else:
        found = re.findall(r"(\d+) {0,2}(?:hz|hertz|cycles|c/s)", text, re.I)
    return {f"{n} Hz" for n in found}


def amperages(text: str, layout: str) -> set[str]:
    text = re.sub(r"\d+\s+A\s+gG|\d+\s+A(,|\s+at)\s+250\s+VAC", "", text)  # fuse, relay contacts
    if layout == "nameplate":
        found = [decimal(n) for n in re.findall(r"\b(?:AMPS|FLA|A) +(\d+(?:[.,]\d+)?)", text)]
    elif layout == "spec_matrix":
        found = [decimal(n) for n in re.findall(r" A [ |;]+(\d+(?:[.,]\d+)?)", text)]
    else:
        number = r"(\d+(?:[.,]\d+)?) {0,2}"
        found = [decimal(n) for n in re.findall(number + r"(?:A|Amp|amps|amperes)\b", text)]
        found += [decimal(n) / 1000 for n in re.findall(number + r"mA\b", text)]
    return {f"{value:g} A" for value in found}


def counted(text: str, layout: str, nouns: str, names: str) -> set[int]:
    found = [] if layout == "nameplate" else re.findall(rf"\b(?i:{COUNT})x? {{1,2}}(?:{nouns})\b", text)
    if not found:
        found = re.findall(rf"(?<![\w.])(?:{names})(?:>|[^\w\n]{{1,40}}){COUNT}(?!\d)", text, re.I)
    return {whole(n) for n in found}


def digital_inputs(text: str, layout: str) -> set[int]:
    return counted(
        text,
        layout,
        r"(?:digital|discrete|binary) {1,2}inputs|DI",
        r"digital[ _]+inputs?(?: +channels)?|(?:binary|discrete) +inputs|di|di_count|num_di|dig\.in",
    )


def relay_outputs(text: str, layout: str) -> set[int]:
    return counted(
        text,
        layout,
        r"relay {1,2}outputs?|output {1,2}relays?|relays?|RO",
        r"relay[ _]+outputs?(?: +channels)?|output +relays|relays|ro|relay_count|num_ro|rel\.out",
    )


def squashed(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def protocols(text: str) -> list[str]:
    text = re.sub(r"[\w/ -]+ +is +not +supported", "", text)
    text = squashed(re.sub(r"not[ _]+supported\W+[\w/ -]+", "", text, flags=re.I))
    names = SCHEMA["properties"]["protocols"]["items"]["enum"]
    return sorted((n for n in names if squashed(n) in text), key=lambda n: text.index(squashed(n)))


def warranties(text: str) -> set[int]:
    text = re.sub(r"k\w{5}[ _]+w\w+\W+\d+\s+months|\d+\s+months\s+warranty\s+on", "", text, flags=re.I)
    years = re.findall(COUNT + r"[- ]{0,2}(?:years?|yrs?|y)\b", text, re.I)
    months = re.findall(r"(\d+) {0,2}(?:months|mo|mths)\b", text)
    return {whole(n) for n in years} | {int(n) // 12 for n in months}


READERS = {
    "power_requirements.phase": phases,
    "power_requirements.frequency": frequencies,
    "power_requirements.amperage": amperages,
    "io_config.digital_inputs": digital_inputs,
    "io_config.relay_outputs": relay_outputs,
    "warranty_years": lambda text, _: warranties(text),
}


@pytest.mark.parametrize("path", READERS)
def test_a_reader_finds_exactly_the_gold_value(path):
    for row in rows():
        gold = value_of(row, path)
        read = READERS[path](page(row), row["group"])
        assert read == ({gold} if gold is not None else set()), row["input"]


def test_a_reader_finds_the_supply_voltage_and_at_most_a_control_voltage_beside_it():
    for row in rows():
        gold = value_of(row, "power_requirements.voltage")
        others = voltages(page(row), row["group"]) - {gold}
        if gold is None:
            assert not others, row["input"]
        else:
            assert gold in voltages(page(row), row["group"]), row["input"]
            assert others <= {"24 V", "48 V", "110 V", "115 V"}, row["input"]


def test_protocols_are_read_in_gold_order():
    for row in rows():
        assert protocols(page(row)) == (row["output"]["protocols"] or []), row["input"]


def test_model_numbers_stand_in_the_text_literally():
    for row in rows():
        assert row["output"]["model_number"] is None or row["output"]["model_number"] in row["input"]


def test_gold_answers_fit_the_schema():
    validator = jsonschema_rs.validator_for(SCHEMA)
    for row in rows():
        validator.validate(row["output"])


def test_every_field_is_stated_mostly_and_absent_sometimes():
    for path in FIELDS:
        absent = sum(value_of(row, path) is None for row in rows()) / len(rows())
        assert 0.02 < absent < 0.45, (path, absent)


def test_whole_blocks_are_sometimes_absent_but_keep_their_structure():
    for block in ("power_requirements", "io_config"):
        empty = [r for r in rows() if not any(v is not None for v in r["output"][block].values())]
        assert empty
        assert all(set(r["output"][block]) == set(SCHEMA["properties"][block]["required"]) for r in empty)


def test_there_are_enough_layouts_and_eight_are_held_out():
    assert len(LAYOUTS) >= 24
    assert len(SEEN) >= 16
    assert len(HELD_OUT) == len(set(HELD_OUT)) == 8
    assert set(HELD_OUT) | set(SEEN) == set(LAYOUTS)


def test_only_the_test_split_has_held_out_layouts_and_spreads_them_evenly():
    assert not [r for r in rows() if r["split"] != "test" and r["group"] in HELD_OUT]
    assert {r["group"] for r in rows() if r["split"] == "train"} == set(SEEN)
    groups = Counter(r["group"] for r in rows() if r["split"] == "test")
    assert {groups[name] for name in HELD_OUT} == {20}
    assert {groups[name] for name in SEEN} <= {12}


def test_a_small_test_split_is_balanced_too():
    groups = Counter(r["group"] for r in generate({"test": 40}, 5))
    assert {groups[name] for name in HELD_OUT} == {2}


def test_documents_are_short():
    lengths = [len(row["input"]) for row in rows()]
    assert min(lengths) > 100
    assert max(lengths) < 460
    assert 220 < sum(lengths) / len(lengths) < 320


def test_identifiers_are_not_shared_between_splits():
    owners: dict[str, set[str]] = {}
    for row in rows():
        if row["output"]["model_number"]:
            owners.setdefault(row["output"]["model_number"], set()).add(row["split"])
    assert max(map(len, owners.values())) == 1


def shingles(text: str) -> set[str]:
    text = " ".join(text.lower().split())
    return {text[i : i + 5] for i in range(len(text) - 4)}


def test_no_document_is_a_near_duplicate_of_one_in_another_split():
    by_split = {split: [shingles(r["input"]) for r in rows() if r["split"] == split] for split in COUNTS}
    nearest = max(
        len(a & b) / len(a | b)
        for first, second in (("train", "test"), ("validation", "test"), ("train", "calibration"))
        for a in by_split[first]
        for b in by_split[second]
    )
    assert nearest < 0.6


def test_distractors_stand_beside_the_facts():
    text = "\n".join(row["input"].lower() for row in rows())
    for word in (
        "kg",
        "°c",
        "ip54",
        "analog inputs",
        "transistor outputs",
        "control power",
        "baud",
        "keypad",
    ):
        assert text.count(word) >= 10, word


def test_some_documents_are_noisy_and_most_are_not():
    noisy = sum("  " in r["input"] for r in rows() if r["group"] in ("email", "description", "brochure"))
    assert 0.08 < noisy / sum(r["group"] in ("email", "description", "brochure") for r in rows()) < 0.35


def test_the_same_fact_comes_in_many_spellings():
    text = "\n".join(row["input"] for row in rows())
    for spelling in (
        "kV",
        "VAC",
        "V AC",
        "volts",
        "3Ø",
        "3~",
        "hree-",
        "hertz",
        "cycles",
        "mA",
        "amps",
        "months",
    ):
        assert spelling in text, spelling
    assert re.search(r"\d,\d A", text)
    assert re.search(r"sixteen|twelve|eight", text)
