"""The section on the log: every figure that the log alone gives about the task."""

from __future__ import annotations

from insource.report import units
from insource.report.log_words import TOPICS, figure_words
from insource.report.page import Block, Bullets, Row, Section
from insource.types.decided import Decision


def log(decision: Decision) -> Section | None:
    """Return the section with the profile of the task, a folded table a topic; None without a profile."""
    profile = decision.profile
    if profile is None:
        return None
    rows: dict[str, list[Row]] = {topic: [] for topic in TOPICS}
    for name, estimate in profile.estimates():
        label, unit = figure_words(name, profile)
        rows[name.partition(".")[0]].append(units.figure_row((label,), estimate, unit))
    tables: list[Block] = [
        units.figure_table(title, ("Figure",), rows[topic]) for topic, title in TOPICS.items() if rows[topic]
    ]
    if profile.narrowness.changes:
        tables.append(Bullets("Changes of prompts and keys", profile.narrowness.changes))
    if profile.obstacles:
        tables.append(Bullets("Why the task does not count as narrow", profile.obstacles))
    traffic = profile.traffic
    lead = (
        f"{traffic.calls:,} calls in {units.plain(traffic.days)} days: {traffic.answered:,} answered, "
        f"{traffic.errors:,} failed, {traffic.broken_off:,} broken off. "
        f"{profile.data.inputs:,} different inputs have a usable answer.",
        profile.rungs_note,
    )
    return Section("log", "What does the log say?", tuple(filter(None, lead)), tuple(tables))
