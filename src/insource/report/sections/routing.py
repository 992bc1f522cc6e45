"""The section on routing: the cascade's policy, and the calls sent through the gateway."""

from __future__ import annotations

from insource.report import charts, units, vega, words
from insource.report.page import Block, Cell, LegendKey, Plot, Row, Section, Table
from insource.routing.bounds.reasons import percent, promise
from insource.types import Estimate, Policy, RoutedCall, RunResult
from insource.types.routing import FrontierPoint, Loss, ServedShare


def routing(result: RunResult) -> Section | None:
    """Return the section with the policy, what it serves, its frontier, and every routed call."""
    if result.routing is None:
        return None
    policy = result.routing.policy
    lead = (_sentence(policy, result.routing.served), policy.reason, *_further(result))
    blocks: list[Block] = []
    if result.routing.served:
        blocks.append(_served(policy, result.routing.served))
    if policy.frontier:
        blocks.append(_frontier(policy))
    if rows := [_row(call) for call in result.routing.calls]:
        columns = ("Document", "Answered by", "Reason", "Confidence", "Answer")
        blocks.append(Table("Calls read back from the log", columns, rows, numeric=(3,)))
    return Section("routing", "How are calls routed?", lead, tuple(blocks))


def _further(result: RunResult) -> tuple[str, ...]:
    """Return a sentence for each local way beside the chosen arm."""
    found, served = result.routing, result.served
    told = []
    if served is not None and served.kind == "staged":
        first, second = (part.arm for part in served.parts)
        told.append(
            f"{first} is asked first; where it is less than {served.keep_from:.3f} sure, {second} answers."
        )
    if found is not None and found.second_look is not None:
        low, high = found.second_look
        told.append(
            f"A language model is asked twice where the confidence is from {low:g} to below {high:g}."
        )
    if found is not None and found.fields is not None:
        told.append(found.fields.reason)
    return tuple(told)


def _sentence(policy: Policy, served: tuple[ServedShare, ...]) -> str:
    if policy.threshold is None:
        return "Every call goes to the cloud: no threshold keeps the error within the bound."
    share = (
        f"{words.described(served[0].share)} of the test documents and "
        f"{words.described(served[0].fields)} of their fields"
        if served
        else f"{policy.expected_local_share:.0%} of the calibration documents"
    )
    sentence = (
        f"Answers with a confidence of at least {policy.threshold:.3f} are served locally: {share}; "
        "the rest go to the cloud."
    )
    if policy.basis == "guaranteed":
        return (
            f"{sentence} With probability {percent(1 - policy.delta)}, there are "
            f"{promise(policy.loss, policy.max_error, policy.unit)}, based on {policy.calibration_n:,} "
            "calibration documents."
        )
    return (
        f"{sentence} The threshold has no guarantee; it is based on {policy.calibration_n:,} "
        "calibration documents."
    )


_ERRORS: dict[Loss, str] = {
    "documents": "documents wrong",
    "fields": "fields wrong",
    "invented": "values invented",
    "weighted": "fields wrong, by weight",
    "cloud": "documents wrong where the cloud is right",
}


def _served(policy: Policy, served: tuple[ServedShare, ...]) -> Table:
    rows: list[Row] = [
        (
            Cell(one.name, detail=_held(policy, one)),
            Cell(f"{one.documents:,}", detail=f"in {one.groups:,} groups" if one.groups else ""),
            *(_estimate(found) for found in (one.share, one.fields, one.loss, one.quality)),
            units.usd(one.cost_per_1000_usd),
        )
        for one in served
    ]
    return Table(
        "What the policy did on the test split, which neither trained nor calibrated",
        (
            "Documents of",
            "Documents",
            "Served here",
            "Fields served here",
            f"Of those, {_ERRORS[policy.loss]}",
            "Right with the cloud's",
            "Cost of 1,000",
        ),
        rows,
        numeric=(1, 2, 3, 4, 5, 6),
    )


def _estimate(found: Estimate | None) -> Cell:
    return Cell(words.NOT_MEASURED) if found is None else Cell(words.value(found), words.interval(found))


def _held(policy: Policy, one: ServedShare) -> str:
    """Return what is promised for these documents."""
    if one.name == "by expected gain":
        return "another router: as many handed over, before any answer"
    if policy.basis != "guaranteed":
        return "no guarantee"
    if one.name == "all":
        return ""
    covered = one.name == ("new groups" if policy.unit == "groups" else "known groups")
    return f"at most {percent(policy.max_error)} promised" if covered else "guarantee withheld"


def _frontier(policy: Policy) -> Plot:
    points = policy.frontier
    xs = tuple(one.max_error for one in points)
    lines = (
        charts.Line("fixed beforehand", xs, tuple(one.share for one in points), series=0),
        charts.Line("picked here", xs, tuple(one.corrected_share for one in points), series=1, dashed=True),
    )
    x_axis = vega.Axis("At most so much is wrong of what is served here", (0.0, max(xs)))
    y_axis = vega.Axis("Served here", (0.0, 1.0))
    chosen = charts.RuleLine(f"chosen: {percent(policy.max_error)}", min(policy.max_error, max(xs)))
    rows: list[Row] = [
        (
            percent(one.max_error),
            *(words.percent(share) for share in (one.share, one.fields, one.corrected_share)),
        )
        for one in points
    ]
    return Plot(
        question="How much could be served here under another bound?",
        answer=_least(points),
        caption=f"Share of {policy.calibration_n:,} calibration documents, at {percent(1 - policy.delta)} "
        "confidence. The solid line is promised for the bound that was fixed before these documents were "
        "looked at. A bound that is picked from this picture is promised the dashed line (Bonferroni over "
        "its points), or has to be certified again on fresh documents.",
        draw=lambda width: charts.line_plot(lines, [chosen], x_axis, y_axis, width=width),
        table=Table(
            "The data",
            ("Bound", "Served, fixed beforehand", "Of what is counted", "Served, picked here"),
            rows,
            (0, 1, 2, 3),
            folded=True,
        ),
        legend=tuple(
            LegendKey(charts.colour(line.series), "╍" if line.dashed else "━", line.label) for line in lines
        ),
    )


def _least(points: tuple[FrontierPoint, ...]) -> str:
    first = next((one for one in points if one.share > 0), None)
    half = next((one for one in points if one.share >= 0.5), None)
    if first is None:
        return f"No bound up to {percent(points[-1].max_error)} can be shown on these documents."
    said = f"The strictest bound that can be shown here is {percent(first.max_error)}"
    if half is None:
        return f"{said}; none up to {percent(points[-1].max_error)} serves half of the documents."
    return f"{said}; from {percent(half.max_error)} on, half of the documents are served here."


def _row(call: RoutedCall) -> Row:
    return (
        Cell(call.row_id, detail=call.call_id),
        Cell(call.to, detail=call.model, badge="simulated cloud" if call.simulated else ""),
        call.reason,
        "–" if words.finite(call.confidence) is None else f"{call.confidence:.3f}",
        call.answer,
    )
