"""How insourceable a candidate looks: ten points, each with its reason, and what rules it out.

| signal | points |
|---|---|
| form | 4: nine answers in ten have one set of keys, or are labels; 2: eight in ten, or any JSON |
| grounded | 2: nine values in ten stand in the prompt, or the answers are labels; 1: six in ten |
| short | 2: half of the answers have at most 100 tokens; 1: at most 400 |
| inputs | 1: at least 300 different inputs, enough to train and to test on |
| latency | 1: half of the callers wait at least a second |

Seven points and more are *narrow*, four and more *perhaps*. Conversations, offered tools, images and fewer
than ten different inputs rule a group out whatever its points. Nothing here says what would be saved: that
is for the measured comparison.
"""

from __future__ import annotations

from statistics import median

from insource.logs.discovery.candidates import Signal, Verdict
from insource.logs.discovery.evidence import MAX_LABELS, Evidence
from insource.logs.discovery.grouping import form

NARROW, PERHAPS = 7, 4
ONE_FORM, MOSTLY_ONE_FORM = 0.9, 0.8
EXTRACTIVE, PARTLY_EXTRACTIVE = 0.9, 0.6
SHORT_TOKENS, MEDIUM_TOKENS = 100, 400
ENOUGH_INPUTS = 300
FEW_INPUTS = 10
FELT_LATENCY_S = 1.0
OBSTACLE_SHARE = 0.2
REPEATED_SHARE = 0.2


def signals(evidence: Evidence) -> tuple[Signal, ...]:
    """The points, in the order of the table above."""
    return (_form(evidence), _grounded(evidence), _short(evidence), _inputs(evidence), _latency(evidence))


def obstacles(evidence: Evidence) -> tuple[str, ...]:
    """What makes this no narrow task, in words."""
    shares = (
        (evidence.conversations, "are conversations of several turns"),
        (evidence.tools, "offer tools or call them"),
        (evidence.images, "contain images, files or sound"),
    )
    found = [
        f"{_percent(count, evidence.calls)} of the calls {what}"
        for count, what in shares
        if count > OBSTACLE_SHARE * evidence.calls
    ]
    inputs = evidence.distinct_inputs
    if inputs < FEW_INPUTS:
        what = "input" if inputs == 1 else "different inputs"
        found.append(f"only {inputs} {what}: the answers can be kept, no model is needed for them")
    return tuple(found)


def notes(evidence: Evidence) -> tuple[str, ...]:
    """What else to know: repeated inputs, failed calls."""
    found = []
    repeated = evidence.calls - evidence.distinct_inputs
    if repeated > REPEATED_SHARE * evidence.calls:
        found.append(
            f"{_percent(repeated, evidence.calls)} of the calls ask about an input asked about before"
        )
    if evidence.errors > OBSTACLE_SHARE * evidence.calls:
        found.append(f"{_percent(evidence.errors, evidence.calls)} of the calls did not end well")
    return tuple(found)


def verdict(fit: int, ruled_out: tuple[str, ...]) -> Verdict:
    """In one word what the points and obstacles come to."""
    if ruled_out or fit < PERHAPS:
        return "not narrow"
    return "narrow" if fit >= NARROW else "perhaps"


def median_of(values: list[float]) -> float | None:
    """The median of what is known, None when nothing is."""
    return median(values) if values else None


def latency_s(evidence: Evidence) -> float | None:
    """The median latency in seconds."""
    return median_of([seconds for seconds, _ in evidence.times if seconds is not None])


def output_tokens(evidence: Evidence) -> int | None:
    """The median length of the answers in tokens."""
    middle = median_of([float(tokens) for _, tokens in evidence.times if tokens is not None])
    return None if middle is None else round(middle)


def _form(evidence: Evidence) -> Signal:
    answers = evidence.answers
    if not answers:
        return Signal(name="form", points=0, of=4, reason="no answer is on record")
    keys, count = evidence.keys.most_common(1)[0] if evidence.keys else ("", 0)
    number = keys.count(",") + 1
    what = f"{_percent(count, answers)} of the answers are JSON with the same "
    what += "key" if number == 1 else f"{number} keys"
    if form(evidence) == "labels":
        if len(evidence.labels) == 1:
            return Signal(name="form", points=0, of=4, reason="the answer is always the same")
        count = sum(evidence.labels.values())
        what = f"{_percent(count, answers)} of the answers are one of {len(evidence.labels)} labels"
    elif evidence.documents >= ONE_FORM * answers and count < MOSTLY_ONE_FORM * answers:
        several = f"{len(evidence.keys)}{'' if len(evidence.keys) < MAX_LABELS else ' or more'} sets of keys"
        what = f"{_percent(evidence.documents, answers)} of the answers are JSON, in {several}"
        return Signal(name="form", points=2, of=4, reason=what)
    elif count < MOSTLY_ONE_FORM * answers:
        return Signal(name="form", points=0, of=4, reason="the answers are free text")
    points = 4 if count >= ONE_FORM * answers else 2 if count >= MOSTLY_ONE_FORM * answers else 0
    return Signal(name="form", points=points, of=4, reason=what)


def _grounded(evidence: Evidence) -> Signal:
    if form(evidence) == "labels":
        return Signal(name="grounded", points=2, of=2, reason="labels need not be found in the prompt")
    if not evidence.values:
        return Signal(name="grounded", points=0, of=2, reason="there are no values to look up in the prompt")
    share = evidence.grounded / evidence.values
    reason = (
        f"{_percent(evidence.grounded, evidence.values)} of {evidence.values} values "
        f"in {evidence.looked_up} answers stand in the prompt"
    )
    points = 2 if share >= EXTRACTIVE else 1 if share >= PARTLY_EXTRACTIVE else 0
    return Signal(name="grounded", points=points, of=2, reason=reason)


def _short(evidence: Evidence) -> Signal:
    tokens = output_tokens(evidence)
    if tokens is None:
        return Signal(name="short", points=0, of=2, reason="the length of the answers is unknown")
    points = 2 if tokens <= SHORT_TOKENS else 1 if tokens <= MEDIUM_TOKENS else 0
    return Signal(
        name="short", points=points, of=2, reason=f"length of the answers {tokens:,} (tokens, median)"
    )


def _inputs(evidence: Evidence) -> Signal:
    count = evidence.distinct_inputs
    points = 1 if count >= ENOUGH_INPUTS else 0
    reason = f"{count:,} different inputs" + ("" if points else f", fewer than {ENOUGH_INPUTS}")
    return Signal(name="inputs", points=points, of=1, reason=reason)


def _latency(evidence: Evidence) -> Signal:
    seconds = latency_s(evidence)
    if seconds is None:
        return Signal(name="latency", points=0, of=1, reason="the latency is unknown")
    points = 1 if seconds >= FELT_LATENCY_S else 0
    return Signal(name="latency", points=points, of=1, reason=f"callers wait {seconds:.1f} s (median)")


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:.0f} %"
