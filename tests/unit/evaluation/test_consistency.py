"""How uniformly an arm writes, class by class figures, and the agreement from run to run."""

import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from insource.evaluation.estimators import sampling_units
from insource.evaluation.measures.classes import class_metrics, confusion, macro_f1, out_of_scope, pairs_of
from insource.evaluation.measures.repeats import repeated, run_agreement
from insource.evaluation.measures.surface import surface_forms
from insource.foundation.errors import ProviderError
from insource.foundation.rng import generator
from insource.models.protocol import Request
from insource.types import Completion, EvalRecord, Example, JsonSchema, Message, Provenance, SlotScore

DRAW = generator(0, "test.consistency")
SCHEMA = JsonSchema(definition={"type": "object", "properties": {"a": {"type": "string"}}})


def forms(golds, answers):
    documents = [
        (SlotScore(path="f", bucket="correct", gold=gold, predicted=answer),)
        for gold, answer in zip(golds, answers, strict=True)
    ]
    return surface_forms(documents, sampling_units([None] * len(documents)))


DATES = [f"2026-0{n % 9 + 1}-1{n % 10}" for n in range(20)]


def test_one_form_is_uniform_and_every_other_form_counts():
    found, overall = forms(DATES, DATES)
    assert (found["f"].pattern, found["f"].dominant.value, found["f"].evenness) == ("9999-99-99", 1.0, 1.0)
    mixed = [f"{day[8:]}.{day[5:7]}.{day[:4]}" if n % 4 == 0 else day for n, day in enumerate(DATES)]
    found, overall = forms(DATES, mixed)
    assert found["f"].dominant.value == overall.value == 0.75
    assert found["f"].dominant.low < 0.75 < found["f"].dominant.high
    assert found["f"].evenness == pytest.approx(1 - 0.8112781245)  # the entropy of 3:1 in bits
    assert found["f"].labels == 1.0


def test_the_number_of_digits_counts_only_where_labels_agree_on_it():
    volts = [f"{7 * (n + 1) ** 2} V" for n in range(20)]
    assert forms(volts, volts)[0]["f"].pattern == "9 A"
    assert forms(volts, volts)[0]["f"].dominant.value == 1
    short = [day.replace("-0", "-") for day in DATES]
    assert forms(DATES, short)[0]["f"].pattern == "9999-9-99"
    assert forms(DATES, short[:10] + DATES[10:])[0]["f"].dominant.value == 0.5


def test_a_closed_list_is_judged_by_its_spellings():
    golds = ["3-phase", "single phase"] * 15
    assert forms(golds, golds)[0]["f"].dominant.value == 1
    answers = ["3-Phase" if n in (0, 2, 4) else gold for n, gold in enumerate(golds)]
    assert forms(golds, answers)[0]["f"].dominant.value == 0.9


def test_free_text_and_few_values_have_no_form():
    texts = [" ".join(DRAW.choice(["ab", "c1", "De-", "x.", "7"], 6)) for _ in range(20)]
    assert forms(texts, texts)[0] == {}
    assert forms(DATES[:4], DATES[:4])[0] == {}


def test_the_order_of_documents_decides_nothing():
    mixed = [day.replace("-", "/") if n % 2 else day for n, day in enumerate(DATES)]
    assert forms(DATES, mixed)[0]["f"].model_dump() == forms(DATES[::-1], mixed[::-1])[0]["f"].model_dump()


GOLD = ["a"] * 12 + ["b"] * 6 + ["oos"] * 6
SAID = ["a"] * 9 + ["b"] * 2 + [None] + ["b"] * 4 + ["c", "oos"] + ["oos"] * 3 + ["a"] * 3


def slots():
    return [
        SlotScore(path="(label)", bucket="correct" if one == two else "wrong", gold=one, predicted=two)
        for one, two in zip(GOLD, SAID, strict=True)
    ]


def test_class_figures_are_those_of_scikit_learn():
    pairs, units = pairs_of(slots()), sampling_units([None] * len(GOLD))
    said = [one or "(none)" for one in SAID]
    labels = ["a", "b", "oos", "c"]
    wanted = precision_recall_fscore_support(GOLD, said, labels=labels, zero_division=0)
    found = class_metrics(pairs, units)
    assert [one.label for one in found] == labels
    assert [one.n for one in found] == [12, 6, 6, 0]
    for place, one in enumerate(found):
        assert (one.precision.value or 0) == pytest.approx(wanted[0][place])
        assert (one.recall.value or 0) == pytest.approx(wanted[1][place])
        assert (one.f1.value or 0) == pytest.approx(wanted[2][place])
        assert one.f1.low < one.f1.high
    assert macro_f1(pairs, units).value == pytest.approx(
        f1_score(GOLD, said, labels=labels, average="macro", zero_division=0)
    )


def test_the_confusion_matrix_counts_every_document_once():
    table = confusion(pairs_of(slots()))
    assert table["a"] == {"(no label)": 1, "a": 9, "b": 2}
    assert sum(count for row in table.values() for count in row.values()) == len(GOLD)


def test_out_of_scope_recall_and_precision():
    found = out_of_scope(pairs_of(slots()), "oos", sampling_units([None] * len(GOLD)))
    assert found["out_of_scope_recall"].value == 3 / 6
    assert found["out_of_scope_precision"].value == 3 / 4


def test_an_abstention_gives_no_label():
    slot = SlotScore(path="(label)", bucket="abstained", gold="a", predicted="unsure")
    assert pairs_of([slot]) == [("a", None)]


def agreement(first, again, times=2):
    examples = [
        Example(row_id=str(n), digest=str(n), input=text, target="{}", provenance=Provenance(source="s"))
        for n, text in enumerate(first)
    ]
    records = [
        EvalRecord(row_id=str(n), status="scored", completion=Completion(text=text))
        for n, text in enumerate(first)
    ]
    return run_agreement(examples, records, SCHEMA, times, again)


def test_agreement_compares_canonical_json_over_all_repeats():
    def again(example, repeat):
        if example.row_id == "1" and repeat == 2:
            return Completion(text='{"a": "other"}')
        return Completion(text='{ "b" : 1, "a": "x" }')

    found = agreement(['{"a": "x", "b": 1}'] * 4, again)
    assert (found.value, found.n) == (0.75, 4)
    assert found.low < 0.75 < found.high
    assert "2 repeats" in found.note


def test_a_call_that_fails_is_no_disagreement_and_is_said():
    def again(example, repeat):
        if example.row_id == "0":
            raise ProviderError("provider-refused", "busy")
        return Completion(text=example.input)

    found = agreement(["{}", "not json", "{}"], again)
    assert (found.value, found.n) == (1.0, 2)
    assert "1 failed" in found.note


def test_a_repeat_is_another_request():
    request = Request(messages=(Message(role="user", content="x"),), max_tokens=1, seed=5)
    assert [repeated(request, n).seed for n in (1, 2)] == [6, 7]
