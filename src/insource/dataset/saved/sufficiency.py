"""Decide whether each split is large enough for its decision, and how many examples are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from insource.stats.learn_then_test import minimum_calibration_n
from insource.stats.power import noninferiority_n
from insource.types import Shortfall, Split

MIN_CLASS = 30
ONE_SIDE = 0.025
"""“Not worse” is read off the lower end of a two-sided 95 % interval (``evaluation.compare``)."""
SHOWN = 8


class Needs(NamedTuple):
    """The decisions that the splits are for, as ratios.

    ``margin`` is the largest loss that counts as not worse. ``max_error`` bounds the errors of the cascade,
    which may fail with probability ``delta``. ``discordance`` is the expected share of documents on which
    exactly one of two systems is right.
    """

    margin: float = 0.02
    max_error: float = 0.1
    delta: float = 0.05
    discordance: float = 0.1


DEFAULT_NEEDS = Needs()


def shortfalls(
    counts: Mapping[Split, int], labels: Mapping[str, Mapping[Split, int]], needs: Needs
) -> tuple[Shortfall, ...]:
    """Return the splits that are too small, none when all suffice.

    Args:
        counts: examples by split.
        labels: examples by label and split; empty when answers are not labels.

    Source: ``stats.power.noninferiority_n`` (80 % power, one-sided 2.5 %: a comparison is decided by its
    two-sided 95 % interval), Learn-then-Test for calibration, and 30 examples for a figure about a class by
    itself.
    """
    found = [
        _short(
            "test",
            counts["test"],
            noninferiority_n(needs.discordance, needs.margin, alpha=ONE_SIDE),
            f"to show “not worse by {_points(needs.margin)}” by a 95 % interval with 80 % power when two "
            f"models differ on {_percent(needs.discordance)} of the documents and are equally good",
        ),
        _short(
            "calibration",
            counts["calibration"],
            minimum_calibration_n(needs.max_error, needs.delta),
            f"to bound the errors of the cascade at {_percent(needs.max_error)} with "
            f"{_percent(1 - needs.delta)} confidence, all of them right; more when some are wrong",
        ),
        _classes(labels),
    ]
    return tuple(shortfall for shortfall in found if shortfall is not None and shortfall.missing)


def sentence(shortfall: Shortfall) -> str:
    """Return the shortfall as it is printed."""
    return (
        f"{shortfall.split} has {shortfall.have:,} of the {shortfall.need:,} examples needed "
        f"{shortfall.why}: {shortfall.missing:,} are missing."
    )


def _short(split: Split, have: int, need: int, why: str) -> Shortfall:
    return Shortfall(split=split, have=have, need=need, missing=max(0, need - have), why=why)


def _classes(labels: Mapping[str, Mapping[Split, int]]) -> Shortfall | None:
    """Classes of which the test split has too few to say anything about them by themselves."""
    small = {name: by.get("test", 0) for name, by in labels.items() if by.get("test", 0) < MIN_CLASS}
    if not small:
        return None
    first = sorted(small, key=lambda name: (small[name], name))
    named = ", ".join(f"{name} {small[name]}" for name in first[:SHOWN])
    more = f" and {len(first) - SHOWN:,} more" if len(first) > SHOWN else ""
    have, need = sum(small.values()), MIN_CLASS * len(small)
    return Shortfall(
        split="test",
        have=have,
        need=need,
        missing=need - have,
        why=f"to judge {len(small):,} of {len(labels):,} classes by themselves, {MIN_CLASS} each "
        f"({named}{more})",
    )


def _points(ratio: float) -> str:
    return f"{100 * ratio:g} points"


def _percent(ratio: float) -> str:
    return f"{100 * ratio:g} %"
