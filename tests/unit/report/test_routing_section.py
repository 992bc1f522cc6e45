"""The section on routing: what was served on test, for whom a promise is withheld, and the frontier."""

from __future__ import annotations

import pytest
from support.example_results import example_result, example_routing

from insource.report.sections.routing import routing
from insource.routing.cascade import fit_policy
from insource.types import Estimate
from insource.types.routing import ServedShare
from insource.types.ways import FieldPolicy


def served(name, share, loss):
    def figure(value):
        return Estimate(value=value, low=value / 2, high=min(1.0, value * 2), n=40, method="by document")

    return ServedShare(
        name=name, documents=40, groups=8, share=figure(share), fields=figure(share), loss=figure(loss),
        cost_per_1000_usd=9.5,
    )  # fmt: skip


def section(policy, *shares):
    summary = example_routing().model_copy(update={"policy": policy, "served": shares})
    return routing(example_result(routing=summary))


@pytest.fixture
def policy():
    confidences = [i / 400 for i in range(400)]
    return fit_policy(
        confidences, [one > 0.15 for one in confidences], max_error=0.1, delta=0.05, on_infeasible="cloud"
    )


def texts(table):
    return [[getattr(cell, "text", cell) for cell in row] for row in table.rows]


def test_the_lead_has_the_share_of_the_test_split_and_not_of_calibration(policy):
    found = section(policy, served("all", 0.71, 0.03))
    assert "71.0% [35.5," in found.lead[0]
    assert "of the test documents" in found.lead[0]
    assert f"{policy.expected_local_share:.0%} of" not in found.lead[0]
    before = section(policy)
    assert f"{policy.expected_local_share:.0%} of the calibration documents" in before.lead[0]


def test_known_and_new_groups_stand_apart_with_what_is_promised(policy):
    found = section(
        policy, served("all", 0.9, 0.2), served("known groups", 0.95, 0.01), served("new groups", 0.8, 0.4)
    )
    table = found.blocks[0]
    assert [row[0] for row in texts(table)] == ["all", "known groups", "new groups"]
    assert [row[0].detail for row in table.rows] == ["", "at most 10% promised", "guarantee withheld"]
    assert table.columns[4] == "Of those, documents wrong"
    assert texts(table)[2][4] == "40.0%"
    nothing = section(policy.model_copy(update={"basis": "median"}), served("new groups", 0.8, 0.4))
    assert nothing.blocks[0].rows[0][0].detail == "no guarantee"


@pytest.mark.parametrize("width", [360, 700])
def test_the_frontier_has_a_line_for_what_was_fixed_and_one_for_what_is_picked(policy, width):
    plot = section(policy).blocks[0]
    assert [key.label for key in plot.legend] == ["fixed beforehand", "picked here"]
    assert len(plot.table.rows) == len(policy.frontier) == 30
    lines = [layer for layer in plot.draw(width)["layer"] if layer["mark"]["type"] == "line"]
    drawn = [[value["y"] for value in line["data"]["values"]] for line in lines]
    assert drawn[0] == [one.share for one in policy.frontier]
    assert drawn[1] == [one.corrected_share for one in policy.frontier]
    assert "The strictest bound that can be shown here is" in plot.answer


def test_a_policy_of_before_has_neither(policy):
    older = policy.model_copy(update={"frontier": ()})
    assert [block.kind for block in section(older).blocks] == ["table"]  # the calls alone


@pytest.mark.parametrize("documents", ["guaranteed", "infeasible"])
def test_where_single_fields_are_served_it_tells_of_them_and_not_of_whole_documents(policy, documents):
    fields = FieldPolicy(
        threshold=0.6, basis="guaranteed", max_error=0.05, delta=0.05, calibration_n=400,
        expected_share=0.9, reason="Fields with a confidence of 0.6 or more are served here.",
    )  # fmt: skip
    policy = policy.model_copy(update={"basis": documents, "threshold": None})
    shares = (served("all", 0.71, 0.03), served("known groups", 0.7, 0.01), served("new groups", 0.8, 0.4))
    found = routing(
        example_result(
            routing=example_routing().model_copy(
                update={"policy": policy, "served": shares, "fields": fields}
            )
        )
    )
    assert found.lead[0].startswith("71.0% [35.5,")
    assert "of the fields of the test documents" in found.lead[0]
    assert found.lead[1] == fields.reason
    assert policy.reason not in found.lead
    table = found.blocks[0]
    assert table.columns[4] == "Of those, fields wrong"
    assert [row[0].detail for row in table.rows] == ["", "at most 5% promised", "guarantee withheld"]
    assert not [block for block in found.blocks if block.kind == "plot"]
