"""A cloud whose errors have one planted cause: order documents with fields, some of them answered wrongly."""

import json

from support.unfair_clouds import example, scored

from insource.evaluation.error_mix.mix import error_mix
from insource.foundation.rng import generator
from insource.types import JsonSchema, Task

FIELDS = Task(
    name="orders",
    instruction="Extract.",
    output=JsonSchema(
        definition={
            "type": "object",
            "properties": {
                "maker": {"type": ["string", "null"]},
                "price": {"type": ["number", "null"]},
                "total": {"type": ["number", "null"]},
            },
            "additionalProperties": False,
        }
    ),
)


def mix_of(cause, arm, documents=120, share=0.2):
    """The error mix of a cloud that errs on this share of the documents, each time for one reason."""
    rng = generator(0, f"tests.planted_causes.{cause}")
    examples, answers = {}, {}
    for number in range(documents):
        price, count = round(float(rng.uniform(11, 97)), 2), int(rng.integers(3, 9))
        gold = {"maker": f"Maker{rng.integers(1000, 9999)}", "price": price, "total": round(price * count, 2)}
        text = f"{gold['maker']} sends {count} parts at {price} each."
        if cause != "needs-computation":
            text += f" In all {gold['total']}."
        said = json.dumps(gold)
        if number < share * documents:
            text, said = _planted(cause, text, gold)
        examples[f"r{number}"] = example(number, text, json.dumps(gold))
        answers[f"r{number}"] = said
    return error_mix(FIELDS, examples, arm, scored(FIELDS, examples, answers))


def _planted(cause, text, gold):
    if cause == "unparseable":
        return text, json.dumps(gold)[:-8]
    if cause == "not-in-input":
        return text.replace(gold["maker"], "Somebody"), json.dumps(gold | {"maker": None})
    if cause == "needs-computation":
        return text, json.dumps(gold | {"total": gold["price"]})
    return text, json.dumps(gold | {"maker": "parts"})
