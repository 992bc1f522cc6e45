"""Hours of people, and the days from the first label to a model."""

from __future__ import annotations

from insource.decision.hardware.question import People
from insource.types import Estimate

DAY_S = 24 * 3600


def labelling_hours(people: People) -> Estimate:
    """Return the hours that labelling takes, all people together; 0 where nothing is labelled."""
    hours = people.rows / 60
    return Estimate(
        value=hours * people.minutes,
        low=hours * people.minutes_low,
        high=hours * people.minutes_high,
        n=people.rows,
        method=f"{people.rows:,} rows at {people.minutes:g} minutes, "
        f"{people.minutes_low:g} to {people.minutes_high:g}",
    )


def calendar_days(people: People, labelling: Estimate, training_s: Estimate) -> Estimate:
    """Return working days until a model is trained: labelling first, then the run, day and night.

    Unknown when the run's time is. An end of the interval is the sum of the two ends.
    """
    a_day = people.people * people.hours_a_day
    ends = {}
    for name in ("value", "low", "high"):
        hours, seconds = getattr(labelling, name), getattr(training_s, name)
        ends[name] = None if hours is None or seconds is None else hours / a_day + seconds / DAY_S
    return Estimate(
        **ends,
        n=people.rows,
        method=f"labelling by {people.people} at {people.hours_a_day:g} hours a day, then the run",
        note=training_s.note,
    )
