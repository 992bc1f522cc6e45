"""Which fields of a task can be held to their documents is measured on documents that taught nothing."""

import json

import pytest
from support.made_invoices import SCHEMA as INVOICE_SCHEMA
from support.made_invoices import generate as made_invoices
from support.orders import TASK as ORDERS
from support.orders import orders

from insource.arms.grounding import LEAST_VALUES, fit_grounding
from insource.contract.validate import fits
from insource.demo.documents import generate
from insource.demo.schema import SCHEMA as SPECIFICATION
from insource.models.grounding.grounding import Grounding
from insource.models.grounding.values import scopes_of
from insource.types import Example, JsonSchema, Task


def task_of(definition):
    return Task(name="t", instruction="Extract.", output=JsonSchema(definition=definition))


def example(row):
    return Example(
        row_id=row["id"],
        digest=row["id"],
        input=row["input"],
        target=json.dumps(row["output"]),
        group=row["group"],
        provenance={"source": "test"},
    )


@pytest.fixture(scope="module")
def specifications():
    rows = list(generate({"train": 160, "test": 40}, seed=3))
    train = [example(row) for row in rows if row["split"] == "train"]
    return fit_grounding(task_of(SPECIFICATION), train), [row for row in rows if row["split"] == "test"]


def test_values_that_stand_in_the_documents_are_held_to_them(specifications):
    found, _ = specifications
    held = {share.name: share.grounded for share in found.shares}
    assert held["power_requirements.voltage"]
    assert held["protocols[]"]
    assert all(share.found <= share.values for share in found.shares)
    assert set(found.grounding.names) == {name for name, is_held in held.items() if is_held}


def test_nearly_every_right_value_of_new_documents_stays_possible(specifications):
    found, test = specifications
    kept = total = 0
    for row in test:
        scopes = scopes_of(row["input"])
        for one in found.grounding.fields:
            gold = row["output"]
            for step in one.field.path:
                gold = gold[step]
            for value in gold if isinstance(gold, list) else [gold] if gold is not None else []:
                total += 1
                kept += any(one.field.comparator.equal(value, stated) for stated in one.values(scopes))
    assert total > 200
    assert kept >= 0.95 * total


def test_what_a_document_holds_beside_the_facts_is_ruled_out(specifications):
    found, _ = specifications
    fields = {one.field.name: one for one in found.grounding.fields}
    frequency, model = fields["power_requirements.frequency"], fields["model_number"]
    assert frequency.values(scopes_of("Weight 60 kg, SCCR 50 kA, insulation tested at 2.5 kV")) == []
    assert frequency.values(scopes_of("Weight 60 kg, mains 50 Hz")) == ["50 Hz"]
    assert model.values(scopes_of("Serial no. 5295511")) == []


def test_the_grounded_schema_allows_every_right_answer_that_stands_there(specifications):
    found, test = specifications
    accepted = [fits(row["output"], found.grounding.schema(SPECIFICATION, row["input"])) for row in test]
    assert sum(accepted) >= 0.8 * len(accepted)


def test_what_no_word_of_the_document_says_stays_open():
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["good", "bad"]}, "cups": {"type": "integer"}},
    }
    rows = [
        {
            "id": f"r{n}",
            "input": f"{n + 20} cups",
            "output": {"mood": ("good", "bad")[n * n // 3 % 2], "cups": n + 20},
            "group": None,
        }
        for n in range(60)
    ]
    found = fit_grounding(task_of(schema), map(example, rows))
    shares = {share.name: share for share in found.shares}
    assert (shares["mood"].grounded, shares["cups"].grounded) == (False, True)
    assert found.grounding.names == ("cups",)
    assert "values were found" in shares["mood"].reason


def test_too_few_values_decide_nothing():
    found = fit_grounding(ORDERS, orders(LEAST_VALUES - 1))
    assert found.grounding == Grounding(())
    assert all(share.reason == "free text" or "too few" in share.reason for share in found.shares)
    assert any("too few" in share.reason for share in found.shares)


def test_free_text_is_left_open():
    found = fit_grounding(ORDERS, orders(80))
    drink = next(share for share in found.shares if share.name == "order.drink")
    assert (drink.grounded, drink.reason) == (False, "free text")
    assert "order.drink" not in found.grounding.names


def test_no_rows_at_all_hold_nothing():
    assert fit_grounding(ORDERS, []).grounding == Grounding(())


def test_the_values_of_lists_of_objects_count_each():
    rows = [example(row) for row in made_invoices({"train": 60}, seed=1)]
    found = fit_grounding(task_of(INVOICE_SCHEMA), rows)
    shares = {share.name: share for share in found.shares}
    items = sum(len(row["output"]["lines"]) for row in made_invoices({"train": 60}, seed=1))
    assert shares["lines[].quantity"].values == items > len(rows)
    assert shares["lines[].quantity"].found > 0.8 * items


def test_the_order_of_the_rows_makes_no_difference():
    rows = orders(60)
    assert fit_grounding(ORDERS, rows) == fit_grounding(ORDERS, rows[::-1])
