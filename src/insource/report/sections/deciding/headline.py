"""The top of a decision: its verdict in a word and a sentence, and the three headline numbers."""

from __future__ import annotations

from insource.report import units, words
from insource.report.page import Banner, Cell, Section, Terms
from insource.types.decided import Decision, Depth, RankedOption
from insource.types.economics import Economics

WORDS = {"go": "Go", "no-go": "No-go", "undecided": "Undecided"}
BREAK_EVEN = "Break-even volume, a month"
DEPTHS: dict[Depth, str] = {
    "log": "from the log alone",
    "ladder": "from the measured ladder",
    "probe": "from the measured ladder and probes",
}
SIMULATED = (
    "The answers of this cloud are generated, its cost and its latency are assumed: no figure against it "
    "says anything about a provider."
)


def decision_banner(decision: Decision) -> Banner:
    """Return the banner at the top of the page of a decision."""
    verdict = decision.verdict
    return Banner(
        outcome=verdict.outcome,
        word=WORDS[verdict.outcome],
        sentence=verdict.sentence,
        numbers=headline_numbers(decision),
        reasons=verdict.reasons,
        flips_if=verdict.flips_if,
        warning=SIMULATED if decision.simulated else "",
        basis=basis(decision),
    )


def basis(decision: Decision) -> tuple[str, ...]:
    """Return what the decision rests on: its depth, whose numbers these are, and the reference."""
    lines = [f"Decided {DEPTHS[decision.depth]}."]
    if decision.own is not None:
        lines.append(f"The three numbers are those of {decision.own.name}.")
    if decision.reference:
        why = f" ({decision.reference_reason})" if decision.reference_reason else ""
        lines.append(f"They are against {decision.reference}{why}.")
    if decision.local_only:
        lines.append("The task is local-only: no document may leave the machine.")
    return tuple(lines)


def worth(decision: Decision) -> Section:
    """Return the section with the three numbers, for a page whose banner has others."""
    items = tuple(
        (name, "\n".join(filter(None, (number.text, number.detail))))
        for name, number in headline_numbers(decision)
    )
    return Section("worth", "Is it worth it?", basis(decision), (Terms("", items),))


def headline_numbers(decision: Decision) -> tuple[tuple[str, Cell], ...]:
    """Return cost per 1,000 correct documents, break-even against yours, and the probability of payback."""
    own = decision.own
    found = own.economics if own else None
    months = f" in {found.horizon_months} months" if found else ""
    return (
        ("Cost per 1,000 correct documents", _cost(own)),
        (BREAK_EVEN, break_even(own)),
        (f"Probability of payback{months}", _payback(own)),
    )


def break_even(own: RankedOption | None) -> Cell:
    """Return the volume from which a month of the option costs less, with yours below it."""
    found = own.economics if own else None
    if found is None:
        return _unknown(own)
    needed = found.break_even
    value = words.finite(needed.value)
    yours = "yours: " + units.shown(found.volume.value, found_unit(found))
    if value is None:
        text = units.UNKNOWN if found.unknown else "none"
        return Cell(text, detail="\n".join((units.reason(needed), yours)), muted=True)
    span = units.interval(needed, "")
    return Cell(units.plain(value), detail="\n".join(filter(None, (span, yours))))


def found_unit(found: Economics) -> str:
    """Return the unit of the volume, empty where the volume is unknown."""
    return "" if found.volume.value is None else "documents a month"


def _cost(own: RankedOption | None) -> Cell:
    if own is None or words.finite(own.cost_per_1000_correct_usd.value) is None:
        return _unknown(own, own.cost_per_1000_correct_usd.note if own else "")
    cost = own.cost_per_1000_correct_usd
    below = [units.interval(cost, "USD")]
    other = own.economics.against_costs if own.economics else None
    if other is not None and own.economics is not None:
        below.append(f"{own.economics.against}: {units.described(other.per_1000_correct, 'USD')}")
    return Cell(units.usd(cost.value), detail="\n".join(filter(None, below)))


def _payback(own: RankedOption | None) -> Cell:
    found = own.economics if own else None
    if found is None:
        return _unknown(own)
    paid = found.payback_probability
    if words.finite(paid.value) is None:
        return Cell(units.UNKNOWN, detail=units.reason(paid), muted=True)
    present = f"{units.usd(found.npv_usd.value)} {units.interval(found.npv_usd, 'USD')}".strip()
    detail = f"of {found.draws:,} draws\nnet present value\n{present}"
    return Cell(units.bare(paid.value, "share"), detail=detail)


def _unknown(own: RankedOption | None, why: str = "") -> Cell:
    if own is None:
        return Cell(units.UNKNOWN, detail="there is no option of one's own", muted=True)
    return Cell(units.UNKNOWN, detail=why or "; ".join(own.unknown) or "not measured", muted=True)
