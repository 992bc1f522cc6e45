"""The invoices demo says what its bound promises, what it withholds, and what happened."""

from __future__ import annotations

from support.example_results import example_result, example_routing

from insource.demo.invoices.bound import kept_or_withheld
from insource.types import Estimate
from insource.types.routing import NewGroups, ServedShare


def share(name, documents, served, loss):
    return ServedShare(
        name=name,
        documents=documents,
        groups=6,
        share=Estimate(value=served, n=documents),
        fields=Estimate(value=served, n=documents),
        loss=Estimate(value=loss, low=0.0, high=0.9, n=documents),
    )


def result(basis="guaranteed", new=True):
    expected = NewGroups(
        guarantee="withheld",
        groups=4,
        loss=Estimate(value=0.042, low=0.0, high=0.62, n=4),
        more=55,
        reason="",
    )
    policy = example_routing().policy.model_copy(
        update={"basis": basis, "loss": "documents", "new_groups": expected if new else None}
    )
    served = (
        share("all", 100, 0.94, 0.27),
        share("known groups", 40, 0.95, 0.0),
        share("new groups", 60, 0.93, 0.446),
    )
    routing = example_routing().model_copy(update={"policy": policy, "served": served})
    return example_result(routing=routing)


def test_promised_where_known_withheld_where_new_and_what_happened():
    first, known, new = kept_or_withheld(result())
    assert first == "The bound: at most 5% wrong among locally served answers (90% confidence)."
    assert known.strip().startswith("In layouts like the training ones: promised.")
    assert "95.0% of 40 documents served here, 0.0%" in known
    assert "the guarantee is withheld: it takes 59 new layouts, 55 more than are at hand" in new
    assert "On 4 layouts that were kept from training: 4.2%" in new
    assert "93.0% of 60 documents served here, 44.6%" in new


def test_without_a_guarantee_nothing_is_promised():
    lines = kept_or_withheld(result("median"))
    assert all("nothing is promised" in line for line in lines[1:])
    assert "withheld" not in " ".join(lines)


def test_a_run_without_routing_says_nothing():
    assert kept_or_withheld(example_result(routing=None)) == []
