"""What the champion failed on, was not sure of, or has never seen the like of, comes first."""

from datetime import UTC, datetime

from insource.lifecycle.mining import Served, live_signals
from insource.types.deployment import Audit

AT = datetime(2026, 11, 20, tzinfo=UTC)
TRAIN = [f"the invoice number {n} was charged twice" for n in range(20)]
TEXTS = {
    "a": "the invoice number 7 was charged twice",
    "b": "das paket ist nicht angekommen",
    "c": "the invoice number 9 was charged",
}


def audit(call_id, *, wrong=True, wrong_fields=0, fields=0):
    return Audit(
        task="t",
        version="v",
        call_id=call_id,
        at=AT,
        source="live",
        wrong=wrong,
        wrong_fields=wrong_fields,
        fields=fields,
    )


def test_a_failure_counts_by_its_share_of_wrong_fields():
    audits = [audit("a", wrong_fields=1, fields=4), audit("b"), audit("c", wrong=False), audit("gone")]
    found = live_signals(TEXTS, {}, audits, TRAIN)["failure"]
    assert {row: strength for row, (strength, _) in found.items()} == {"a": 0.25, "b": 1.0}
    assert found["a"][1] == "The cloud answered otherwise in 1 of 4 fields on 2026-11-20."


def test_what_was_unsure_counts_by_its_doubt_and_no_confidence_is_no_doubt():
    served = {
        "a": Served(0.9, "confident"),
        "b": Served(0.2, "low-confidence"),
        "c": Served(None, "no-cloud"),
    }
    found = live_signals(TEXTS, served, [], TRAIN)["uncertainty"]
    assert {row: round(strength, 6) for row, (strength, _) in found.items()} == {"a": 0.1, "b": 0.8}


def test_new_words_are_new():
    found = live_signals(TEXTS, {}, [], TRAIN)["novelty"]
    assert set(found) == {"b"}
    assert found["b"][0] > 0.99


def test_without_documents_or_training_rows_nothing_is_new():
    assert live_signals({}, {}, [], TRAIN)["novelty"] == {}
    assert live_signals(TEXTS, {}, [], [])["novelty"] == {}
