"""What is known of a field before anything is learned."""

import math

import pytest

from insource.routing.fields.features import FEATURES, TOKENS, features_of, read
from insource.routing.fields.habits import WHOLE, Habits, habits_of, values_of
from insource.routing.fields.novelty import known_text
from insource.types import Completion, JsonSchema, Labels, TokenEvidence

SCHEMA = {
    "type": "object",
    "properties": {
        "voltage": {"type": ["string", "null"]},
        "relays": {"type": ["integer", "null"]},
        "protocols": {"type": ["array", "null"], "items": {"type": "string"}},
        "power": {"type": ["object", "null"], "properties": {"phase": {"type": ["string", "null"]}}},
    },
}
OUTPUT = JsonSchema(definition=SCHEMA)
NONE = Habits()
DOCUMENT = "Supply 0480 V, Modbus and CAN; 6 relays."


def row(answer, path, document=DOCUMENT, habits=NONE, novelty=0.0, agrees=None, **stated):
    fields = values_of(answer, OUTPUT)
    rows = features_of(fields, Completion(text="", **stated), read(document, novelty), habits, agrees)
    at = [field.path for field in fields].index(path)
    return dict(zip(FEATURES, rows[at], strict=True))


def test_a_field_is_a_leaf_of_the_contract_and_a_list_is_one_field():
    fields = values_of({"voltage": "480 V", "relays": None, "protocols": ["CAN", "Modbus"]}, OUTPUT)
    assert {field.path: field.values for field in fields} == {
        "voltage": ("480 V",),
        "relays": (),
        "protocols[]": ("CAN", "Modbus"),
        "power.phase": (),
    }
    assert [one.path for one in values_of("billing", Labels(names=("billing",)))] == [WHOLE]


def test_a_missing_log_probability_is_missing_and_never_certain():
    found = row({"voltage": "480 V"}, "voltage")
    assert math.isnan(found["own"])
    assert all(math.isnan(found[name]) for name in TOKENS)
    assert (found["own missing"], found["tokens missing"]) == (1.0, 1.0)
    forced = row({"voltage": "480 V"}, "voltage", field_evidence={"voltage": TokenEvidence()})
    assert (forced["tokens missing"], forced["branches"]) == (0.0, 0.0)


def test_evidence_of_a_list_or_object_that_is_null_as_a_whole_counts_for_what_is_in_it():
    doubtful = TokenEvidence(branches=1, least=-2.0, mean=-2.0, first=-2.0, mass=0.5)
    found = row({"power": None}, "power.phase", field_evidence={"power": doubtful})
    assert (found["mean"], found["first"]) == (-2.0, -2.0)
    items = row({"protocols": ["CAN"]}, "protocols[]", field_evidence={"protocols": doubtful})
    assert items["structure"] == -2.0


def test_the_least_of_the_items_of_a_list_is_its_confidence():
    stated = {"protocols[0]": 0.5, "protocols[1]": 0.9}
    found = row({"protocols": ["CAN", "Modbus"]}, "protocols[]", field_confidences=stated)
    assert found["own"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("value", "stands", "parts"),
    [("Modbus", 1.0, 1.0), ("480 V", 1.0, 1.0), ("V 480", 0.0, 1.0), ("60 Hz", 0.0, 0.0)],
)
def test_a_value_is_looked_for_in_its_document(value, stands, parts):
    found = row({"voltage": value}, "voltage")
    assert (found["stands in the document"], found["parts in the document"]) == (stands, parts)


def test_values_are_compared_with_the_habits_of_the_labels():
    targets = [f'{{"voltage":"{volts} V","relays":{volts % 9}}}' for volts in range(100, 130)]
    habits = habits_of(targets, OUTPUT)
    usual = row({"voltage": "600 V", "relays": 3}, "voltage", habits=habits)
    unusual = row({"voltage": "six hundred", "relays": 3}, "voltage", habits=habits)
    assert (usual["usual shape"], unusual["usual shape"]) == (1.0, 0.0)
    assert row({"relays": 3}, "relays", habits=habits)["in range"] == 1.0
    assert row({"relays": 64}, "relays", habits=habits)["in range"] == 0.0


def test_a_second_answer_that_disagrees_is_seen_and_none_is_missing():
    answer = {"voltage": "480 V"}
    assert row(answer, "voltage")["another look missing"] == 1.0
    for agrees in (True, False):
        found = row(answer, "voltage", agrees={"voltage": agrees})
        assert (found["another look"], found["another look missing"]) == (float(agrees), 0.0)


def test_another_serial_number_is_no_new_kind_of_document():
    known = known_text([f"Serial number {n}: voltage 480 V, 60 Hz" for n in range(100, 140)])
    assert known.novelty("Serial number 977: voltage 690 V, 50 Hz") == 0.0
    assert known.novelty("Rechnung über drei Kartons Schrauben") > 0.8
    assert known.novelty("") == 0.0
