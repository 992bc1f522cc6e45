"""The section on privacy: what leaves the machine under each option."""

from __future__ import annotations

from insource.report import units
from insource.report.page import Row, Section, Table
from insource.types.decided import Decision


def leaving(decision: Decision) -> Section | None:
    """Return the section with what leaves under each option; None where that is not known."""
    lead = []
    if decision.local_only:
        lead.append("The task is local-only: options that send a document to a cloud are ruled out.")
    if decision.profile is not None and decision.profile.privacy.reason:
        privacy = decision.profile.privacy
        lead.append(f"The log proposes {privacy.proposed}: {privacy.reason}.".replace("..", "."))
    if not decision.leaves and not lead:
        return None
    rows: list[Row] = [
        (
            one.option,
            one.what or "nothing",
            units.cell(one.calls_per_month, "calls"),
            units.cell(one.sensitive_calls_per_month, "calls"),
        )
        for one in decision.leaves
    ]
    columns = ("Option", "What leaves", "Calls a month", "With personal data")
    full = [
        units.figure_row((one.option, what), found, "calls a month")
        for one in decision.leaves
        for what, found in (
            ("all", one.calls_per_month),
            ("with personal data", one.sensitive_calls_per_month),
        )
    ]
    tables = (
        Table("By option", columns, rows, (2, 3), cards=True),
        units.figure_table("Every figure with its method", ("Option", "Calls"), full),
    )
    return Section("leaving", "What leaves the machine?", tuple(lead), tables if rows else ())
