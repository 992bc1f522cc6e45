"""When is the model made again: the five triggers, each with its reason whether it is due or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from insource.config.retrain import RetrainSection
from insource.types.retraining import Trigger

DAY_S = 86_400.0


class Alert(NamedTuple):
    """A drift alert: when, and what moved."""

    at: datetime
    what: str


class Base(NamedTuple):
    """A base model: bytes of its file, 0 where unknown. ``tried``: a model was trained on it before."""

    name: str
    size: int = 0
    tried: bool = False


class Situation(NamedTuple):
    """What the triggers read.

    ``made_at`` is when the last training for this task began, the champion's or that of a later cycle: what
    came later, it cannot know. So a reason that a cycle was begun for does not begin another one.
    ``labelled`` counts labels by people that were not there then, ``to_learn`` about how many of them are
    trained on. ``changes`` are in words. ``base`` is what the champion is made from, ``configured`` what the
    configuration names. ``others`` are the base models to try that are at hand; ``missing`` are not.
    """

    now: datetime
    made_at: datetime
    base: Base
    configured: Base
    alerts: Sequence[Alert] = ()
    labelled: int = 0
    to_learn: int = 0
    changes: Sequence[str] = ()
    others: Sequence[Base] = ()
    missing: Sequence[str] = ()


def triggers(section: RetrainSection, found: Situation) -> tuple[Trigger, ...]:
    """Return every trigger, due or not, each with its reason."""
    return (
        _drift(section, found),
        _examples(section, found),
        _schema(section, found),
        _calendar(section, found),
        _base(found),
    )


def asked(reason: str) -> Trigger:
    """Return the trigger of a person who asks for a cycle."""
    return Trigger(name="asked", due=True, reason=reason)


def base_to_train(found: Situation) -> str:
    """Return the base model of the next cycle: the one that is a reason for it, else the champion's."""
    if _is_news(found):
        return found.configured.name
    smaller = _untried(found)
    return smaller[0].name if smaller else found.base.name


def _drift(section: RetrainSection, found: Situation) -> Trigger:
    since = [one for one in found.alerts if one.at >= found.made_at]
    evidence = {"alerts": len(since), "wanted": section.drift_alerts}
    if not section.drift_alerts:
        return Trigger(name="drift", due=False, reason="`retrain.drift_alerts` is 0.", evidence=evidence)
    if len(since) < section.drift_alerts:
        reason = f"{_count(len(since), 'drift alert')} since the last training; {section.drift_alerts} "
        return Trigger(name="drift", due=False, reason=f"{reason}would be a reason.", evidence=evidence)
    last = max(since)
    reason = f"{_count(len(since), 'drift alert')} since the last training, the last on "
    return Trigger(
        name="drift",
        due=True,
        reason=f"{reason}{last.at:%Y-%m-%d %H:%M}: {last.what}",
        evidence=evidence,
    )


def _examples(section: RetrainSection, found: Situation) -> Trigger:
    evidence = {"labelled": found.labelled, "to learn": found.to_learn, "wanted": section.examples}
    new = f"{_count(found.labelled, 'label')} by people since the last training"
    if not section.examples:
        return Trigger(name="examples", due=False, reason="`retrain.examples` is 0.", evidence=evidence)
    if found.labelled < section.examples:
        reason = f"{new}; {section.examples} would be a reason."
        return Trigger(name="examples", due=False, reason=reason, evidence=evidence)
    reason = f"{new}, about {found.to_learn} of them to train on."
    return Trigger(name="examples", due=True, reason=reason, evidence=evidence)


def _schema(section: RetrainSection, found: Situation) -> Trigger:
    if not found.changes:
        reason = "Instruction and output contract are those of the last training."
        return Trigger(name="schema", due=False, reason=reason)
    said = "; ".join(found.changes)
    if not section.schema_change:
        return Trigger(name="schema", due=False, reason=f"`retrain.schema_change` is false, though {said}.")
    return Trigger(name="schema", due=True, reason=f"{said[0].upper()}{said[1:]}.")


def _calendar(section: RetrainSection, found: Situation) -> Trigger:
    days = (found.now - found.made_at).total_seconds() / DAY_S
    evidence = {"days": round(days, 3), "wanted": section.every_days}
    if not section.every_days:
        return Trigger(name="calendar", due=False, reason="`retrain.every_days` is 0.", evidence=evidence)
    if days < 0:
        reason = "The clock is before the last training: no age is known."
        return Trigger(name="calendar", due=False, reason=reason, evidence=evidence)
    reason = f"The last training is {days:,.1f} days old; {section.every_days:g} are a reason."
    return Trigger(name="calendar", due=days >= section.every_days, reason=reason, evidence=evidence)


def _base(found: Situation) -> Trigger:
    if _is_news(found):
        name = found.configured.name
        reason = f"`training.model` is {name}; the champion is made from {found.base.name}."
        return Trigger(name="base", due=True, reason=reason, evidence={"base": name})
    smaller = _untried(found)
    if smaller:
        one = smaller[0]
        reason = f"{one.name} is at hand, {one.size / found.base.size:.0%} of the size of {found.base.name}."
        return Trigger(name="base", due=True, reason=reason, evidence={"base": one.name, "bytes": one.size})
    tried = [one.name for one in found.others if one.tried]
    parts = (
        f"tried already: {', '.join(tried)}" if tried else "",
        f"not at hand: {', '.join(found.missing)}" if found.missing else "",
    )
    why = "; ".join(part for part in parts if part) or f"none is named that is smaller than {found.base.name}"
    return Trigger(name="base", due=False, reason=f"No cheaper base: {why}.")


def _is_news(found: Situation) -> bool:
    """Return whether a person named another base model, on which nothing was trained yet."""
    return found.configured.name != found.base.name and not found.configured.tried


def _untried(found: Situation) -> list[Base]:
    smaller = (one for one in found.others if not one.tried and one.size < found.base.size)
    return sorted(smaller, key=lambda one: (one.size, one.name))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
