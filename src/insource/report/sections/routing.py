"""The section on routing: the cascade's policy, and the calls sent through the gateway."""

from __future__ import annotations

from insource.report import words
from insource.report.page import Cell, Row, Section, Table
from insource.routing.reasons import percent, promise
from insource.types import Policy, RoutedCall, RunResult


def routing(result: RunResult) -> Section | None:
    """Return the section with the policy in a sentence and every routed call with its reason."""
    if result.routing is None:
        return None
    lead = (_sentence(result.routing.policy), result.routing.policy.reason)
    rows: list[Row] = [_row(call) for call in result.routing.calls]
    columns = ("Document", "Answered by", "Reason", "Confidence", "Answer")
    table = Table("Calls read back from the log", columns, rows, numeric=(3,))
    return Section("routing", "How are calls routed?", lead, (table,) if rows else ())


def _sentence(policy: Policy) -> str:
    if policy.threshold is None:
        return "Every call goes to the cloud: no threshold keeps the error within the bound."
    sentence = (
        f"Answers with a confidence of at least {policy.threshold:.3f} are served locally, "
        f"an expected {policy.expected_local_share:.0%} of calls; the rest go to the cloud."
    )
    if policy.basis == "guaranteed":
        return (
            f"{sentence} With probability {percent(1 - policy.delta)}, there are "
            f"{promise(policy.loss, policy.max_error)}, based on {policy.calibration_n:,} calibration "
            "documents."
        )
    return (
        f"{sentence} The threshold has no guarantee; it is based on {policy.calibration_n:,} "
        "calibration documents."
    )


def _row(call: RoutedCall) -> Row:
    return (
        Cell(call.row_id, detail=call.call_id),
        Cell(call.to, detail=call.model, badge="simulated cloud" if call.simulated else ""),
        call.reason,
        "–" if words.finite(call.confidence) is None else f"{call.confidence:.3f}",
        call.answer,
    )
