"""Grounded decoding: the grammar of a document allows the values that it states, and no others."""

import json

import pytest

from insource.contract.writable import _bytes
from insource.matching.comparators import Comparator
from insource.models.fitted.spans.candidates import candidates
from insource.models.fitted.spans.fields import Field, Taught
from insource.models.grounding.grounding import MOST_VALUES, Grounding
from insource.models.grounding.values import GroundedField, context_of, scopes_of

VOLTAGE = GroundedField(
    Field(("power", "voltage"), "quantity", Comparator("quantity", unit="V")), Taught(suffix=" V")
)
INPUTS = GroundedField(Field(("inputs",), "number", Comparator("integer")), Taught())
BUSES = GroundedField(
    Field(("buses",), "choice", Comparator("enum"), many=True, single=False, choices=("CANopen", "DNP3")),
    Taught(aliases={"canopen": "CANopen", "dnp3": "DNP3"}),
)
ITEM_COUNT = GroundedField(Field(("lines", "[]", "count"), "number", Comparator("integer")), Taught())

NULLABLE_INTEGER = {"type": ["integer", "null"]}


def schema(**properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


POWER = schema(power=schema(voltage={"type": ["string", "null"], "pattern": "^[0-9]+ V$"}))


def writes(grounding, contract, document, answer):
    """Whether the grammar of the document can write an answer as a whole."""
    from llguidance import LLMatcher

    matcher = LLMatcher(_bytes(), grounding.grammar(contract, document), log_level=0)
    said = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
    return matcher.validate_tokens([*said, _bytes().eos_token]) > len(said)


@pytest.mark.parametrize(
    ("answer", "document", "allowed"),
    [
        ("480 V", "Supply 480 V, 3 A", True),
        ("480 V", "Supply 0.48 kV", True),
        (None, "Supply 480 V", True),
        ("230 V", "Supply 480 V", False),
        ("48 V", "Supply 480 V", False),
        ("400 V", "no voltage", False),
        (None, "no voltage", True),
    ],
)
def test_a_quantity_has_to_stand_in_the_document_or_be_null(answer, document, allowed):
    assert writes(Grounding((VOLTAGE,)), POWER, document, {"power": {"voltage": answer}}) is allowed


def test_a_value_in_a_barred_context_is_ruled_out():
    barred = VOLTAGE._replace(barred=frozenset({("u1", "kv")}))
    assert not writes(Grounding((barred,)), POWER, "tested at 2 kV", {"power": {"voltage": "2000 V"}})
    assert writes(Grounding((VOLTAGE,)), POWER, "tested at 2 kV", {"power": {"voltage": "2000 V"}})


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("Supply 5 kHz", ("x1", "khz")),
        ("5-phase", ("x1", "phase")),
        ("HZ | - | 5", ("x1", "hz>")),
        ("num_di=5;", ("x1", "di>")),
        ("Rated current ........... 5", ("x1", "current>")),
        ("inputs\n5\nyears", ("x1", "")),
        ("3, 5", ("x1", "")),
    ],
)
def test_a_number_is_known_by_the_word_at_its_side_on_its_line(text, context):
    (scope,) = scopes_of(text)
    found = [one for one in candidates(scope, INPUTS.field, INPUTS.taught) if one.value == 5]
    assert [context_of(scope, INPUTS.field, one) for one in found] == [context]


def test_a_value_that_is_a_stranger_to_its_context_is_ruled_out_only_there():
    stranger = VOLTAGE._replace(strangers=frozenset({(("u1", "vac"), "250 v")}))
    assert stranger.values(scopes_of("contacts 250 VAC, supply 400 VAC")) == ["400 V"]
    assert stranger.values(scopes_of("supply 250 V")) == ["250 V"]


def test_a_text_is_known_by_its_shape():
    code = GroundedField(
        Field(("code",), "id", Comparator("id")), Taught(digits=True), frozenset({("n0", "0-0"), ("n0", "0")})
    )
    assert code.values(scopes_of("NVR-20K, serial 54-75750 or 5295511")) == ["NVR-20K"]


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("thirty-two inputs", 32),
        ("Zwölf Eingänge", 12),
        ("AB-7,14,31,60", 14),
        ("a,b,c,12,5", 5),
    ],
)
def test_number_words_and_the_columns_of_a_line_are_values(document, value):
    assert value in INPUTS.values(scopes_of(document))


def test_a_decimal_comma_of_prose_stays_one_number():
    amperes = GroundedField(Field(("a",), "quantity", Comparator("quantity", unit="A")), Taught(suffix=" A"))
    assert amperes.values(scopes_of("draws 12,5 A at full load")) == ["12.5 A"]


def test_a_choice_may_be_scattered_over_a_line_but_not_over_lines():
    phase = GroundedField(Field(("p",), "choice", choices=("1-phase", "3-phase")), Taught())
    assert phase.values(scopes_of("Supply phases | - | 3")) == ["3-phase"]
    assert phase.values(scopes_of("Supply phases\nweight 3 kg")) == []


def test_a_list_holds_only_items_that_stand_in_the_document():
    buses = {"type": ["array", "null"], "items": {"type": "string"}, "minItems": 1}
    grounding, contract = Grounding((BUSES,)), schema(buses=buses)
    assert writes(grounding, contract, "speaks CANopen", {"buses": ["CANopen"]})
    assert not writes(grounding, contract, "speaks CANopen", {"buses": ["CANopen", "DNP3"]})
    assert writes(grounding, contract, "speaks nothing", {"buses": None})
    assert not writes(grounding, contract, "speaks nothing", {"buses": ["DNP3"]})
    empty = schema(buses={"type": "array", "items": {"type": "string"}})
    assert writes(grounding, empty, "speaks nothing", {"buses": []})


def test_the_items_of_a_list_of_objects_are_held_to_the_document():
    contract = schema(
        lines={
            "type": "array",
            "items": schema(name={"type": "string", "maxLength": 9}, count=NULLABLE_INTEGER),
        }
    )
    grounding = Grounding((ITEM_COUNT,))
    assert writes(grounding, contract, "7 pumps", {"lines": [{"name": "pump", "count": 7}]})
    assert not writes(grounding, contract, "7 pumps", {"lines": [{"name": "pump", "count": 8}]})


def test_a_field_that_needs_a_value_stays_open_where_the_document_states_none():
    contract = schema(inputs={"type": "integer", "minimum": 0, "maximum": 99})
    grounding = Grounding((INPUTS,))
    assert writes(grounding, contract, "no figure", {"inputs": 4})
    assert not writes(grounding, contract, "5 inputs", {"inputs": 4})


def test_values_that_the_schema_does_not_allow_leave_a_needed_field_open():
    contract = schema(inputs={"type": "integer", "minimum": 0, "maximum": 9})
    assert writes(Grounding((INPUTS,)), contract, "77 inputs", {"inputs": 4})


def test_the_order_of_the_answer_and_references_stay():
    contract = {
        "$defs": {"n": NULLABLE_INTEGER},
        **schema(name={"type": "string", "maxLength": 9}, inputs={"$ref": "#/$defs/n"}),
    }
    grounding = Grounding((INPUTS,))
    assert writes(grounding, contract, "5 inputs", {"name": "x", "inputs": 5})
    assert not writes(grounding, contract, "5 inputs", {"inputs": 5, "name": "x"})
    assert not writes(grounding, contract, "5 inputs", {"name": "x", "inputs": 6})


@pytest.mark.parametrize("document", ["5 " * 20_000, " ".join(map(str, range(MOST_VALUES + 1)))])
def test_a_document_that_is_too_long_or_has_too_many_values_is_left_open(document):
    contract = schema(inputs=NULLABLE_INTEGER)
    assert writes(Grounding((INPUTS,)), contract, document, {"inputs": 777})


def test_fields_that_a_contract_does_not_have_change_nothing():
    contract = schema(other=NULLABLE_INTEGER)
    assert Grounding((INPUTS, VOLTAGE, BUSES)).schema(contract, "5 inputs") == contract


@pytest.mark.parametrize(
    ("answer", "allowed"),
    [("CANopen", True), (["CANopen"], True), ("DNP3", False), (["CANopen", "DNP3"], False), (None, True)],
)
@pytest.mark.parametrize(
    "field",
    [
        {"type": ["string", "array", "null"], "maxLength": 9, "items": {"type": "string", "maxLength": 9}},
        {
            "anyOf": [
                {"type": "string", "maxLength": 9},
                {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 3},
                {"type": "null"},
            ]
        },
    ],
)
def test_one_value_and_a_list_of_values_are_held_alike(field, answer, allowed):
    contract = schema(buses=field)
    assert writes(Grounding((BUSES,)), contract, "speaks CANopen", {"buses": answer}) is allowed
    assert writes(Grounding((BUSES,)), contract, "speaks nothing", {"buses": answer}) is (answer is None)


def test_it_is_read_back_as_it_was_written(tmp_path):
    held = VOLTAGE._replace(
        barred=frozenset({("u1", "kv"), ("ux", "lb")}), strangers=frozenset({(("u1", "vac"), "250 v")})
    )
    counted = INPUTS._replace(strangers=frozenset({(("x1", ""), (False, 7))}))
    grounding = Grounding((held, counted, BUSES))
    grounding.save(tmp_path / "grounding.json")
    read = Grounding.load(tmp_path / "grounding.json")
    assert read == grounding
    assert read.digest == grounding.digest != Grounding((VOLTAGE, BUSES)).digest
