"""The demo's contract: strict for the grammar, and it refuses what is not canonical."""

from __future__ import annotations

import copy
import json

import jsonschema_rs
import llguidance
import pytest

from insource.demo.schema import INSTRUCTION, SCHEMA
from insource.demo.vocabulary import PROTOCOLS

GOLD = {
    "model_number": "NX-200",
    "power_requirements": {
        "voltage": "480 V",
        "phase": "3-phase",
        "frequency": "60 Hz",
        "amperage": "12.5 A",
    },
    "io_config": {"digital_inputs": 16, "relay_outputs": 4},
    "protocols": ["Modbus TCP", "PROFINET"],
    "warranty_years": 2,
}


def test_the_grammar_engine_takes_the_schema_without_a_warning():
    grammar = llguidance.grammar_from("json_schema", json.dumps(SCHEMA))
    assert llguidance.LLMatcher.validate_grammar_with_warnings(grammar) == (False, [])


def test_the_canonical_answer_is_valid():
    jsonschema_rs.validator_for(SCHEMA).validate(GOLD)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("power_requirements.voltage", "480V"),
        ("power_requirements.voltage", "480 VAC"),
        ("power_requirements.voltage", "0.48 kV"),
        ("power_requirements.phase", "three-phase"),
        ("power_requirements.frequency", 60),
        ("power_requirements.amperage", "12,5 A"),
        ("io_config.digital_inputs", "16"),
        ("io_config.relay_outputs", -1),
        ("io_config.relay_outputs", 100000),
        ("protocols", []),
        ("protocols", ["Modbus/TCP"]),
        ("warranty_years", "2 years"),
        ("weight", "3 kg"),
    ],
)
def test_what_is_not_canonical_is_invalid(path, value):
    answer = copy.deepcopy(GOLD)
    *parents, key = path.split(".")
    target = answer
    for parent in parents:
        target = target[parent]
    target[key] = value
    assert not jsonschema_rs.validator_for(SCHEMA).is_valid(answer)


def test_every_property_is_required_and_in_output_order():
    assert SCHEMA["required"] == list(SCHEMA["properties"]) == list(GOLD)
    for block in ("power_requirements", "io_config"):
        assert SCHEMA["properties"][block]["required"] == list(GOLD[block])


def test_a_canonical_name_is_the_first_spelling_of_its_protocol():
    assert all(name == spellings[0] for name, spellings in PROTOCOLS.items())


def test_the_instruction_is_short():
    assert len(INSTRUCTION.split()) <= 10
