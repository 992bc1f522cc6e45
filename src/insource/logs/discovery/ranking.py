"""Score how well a candidate fits insourcing: ten points with reasons, and obstacles that exclude it.

| signal | points | |---|---| | form | 4: nine answers in ten have one set of keys, or are labels; 2: eight in
ten, or any JSON | | grounded | 2: nine values in ten occur in the prompt, or the answers are labels; 1: six
in ten | | short | 2: the median answer has at most 100 tokens; 1: at most 400 | | inputs | 1: at least 300
different inputs, enough to train and to test | | latency | 1: the median latency is at least a second |

Seven points or more are *narrow*, four or more *perhaps*. Conversations, offered tools, images, or fewer than
ten different inputs exclude a group whatever its points. The score says nothing about savings; only a
measured comparison does.
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
    """Return the points, in the order of the table above."""
    return (_form(evidence), _grounded(evidence), _short(evidence), _inputs(evidence), _latency(evidence))


def obstacles(evidence: Evidence) -> tuple[str, ...]:
    """Return the reasons why this is not a narrow task, in words."""
    shares = (
        (evidence.conversations, "are conversations of several turns"),
        (evidence.tools, "offer tools or call them"),
        (evidence.images, "contain images, files or audio"),
    )
    found = [
        f"{_percent(count, evidence.calls)} of the calls {what}"
        for count, what in shares
        if count > OBSTACLE_SHARE * evidence.calls
    ]
    inputs = evidence.distinct_inputs
    if inputs < FEW_INPUTS:
        what = "input" if inputs == 1 else "different inputs"
        found.append(f"only {inputs} {what}: the answers can be cached, no model is needed")
    return tuple(found)


def notes(evidence: Evidence) -> tuple[str, ...]:
    """Return further observations: repeated inputs, failed calls."""
    found = []
    repeated = evidence.calls - evidence.distinct_inputs
    if repeated > REPEATED_SHARE * evidence.calls:
        found.append(f"{_percent(repeated, evidence.calls)} of the calls repeat an earlier input")
    if evidence.errors > OBSTACLE_SHARE * evidence.calls:
        found.append(f"{_percent(evidence.errors, evidence.calls)} of the calls have no whole answer")
    return tuple(found)


def verdict(fit: int, ruled_out: tuple[str, ...]) -> Verdict:
    """Return the verdict for a score and its obstacles."""
    if ruled_out or fit < PERHAPS:
        return "not narrow"
    return "narrow" if fit >= NARROW else "perhaps"


def median_of(values: list[float]) -> float | None:
    """Return the median, or None for no values."""
    return median(values) if values else None


def latency_s(evidence: Evidence) -> float | None:
    """Return the median latency in seconds."""
    return median_of([seconds for seconds, _ in evidence.times if seconds is not None])


def output_tokens(evidence: Evidence) -> int | None:
    """Return the median length of the answers in tokens."""
    middle = median_of([float(tokens) for _, tokens in evidence.times if tokens is not None])
    return None if middle is None else round(middle)


def _form(evidence: Evidence) -> Signal:
    answers = evidence.answers
    if not answers:
        return Signal(name="form", points=0, of=4, reason="no answer is recorded")
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
        return Signal(name="grounded", points=2, of=2, reason="labels need not occur in the prompt")
    if not evidence.values:
        return Signal(
            name="grounded", points=0, of=2, reason="the answers have no values to look up in the prompt"
        )
    share = evidence.grounded / evidence.values
    reason = (
        f"{_percent(evidence.grounded, evidence.values)} of {evidence.values} values "
        f"in {evidence.looked_up} answers occur in the prompt"
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
