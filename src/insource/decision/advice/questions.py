"""The four questions, each answered from measurements, with its evidence."""

from __future__ import annotations

from typing import Literal

from insource.config.decision import DecisionSection
from insource.decision.advice.facts import Facts, evidence
from insource.decision.advice.kills import NOISE, assumed_volume
from insource.decision.advice.weighing import Ranking
from insource.types import Estimate
from insource.types.decided import AnsweredQuestion, Evidence, KillCriterion, RankedOption
from insource.types.log_profile import LogProfile
from insource.types.sufficiency import Sufficiency

NARROW = 0.8
"""A task is narrow when surely more of its calls have one form, or come from three prompts."""
ENOUGH_ROWS = 300
"""Different usable inputs from which a model is worth fitting; the learning curve says more."""

Answer = Literal["yes", "no", "open"]


def four_questions(
    facts: Facts,
    ranking: Ranking,
    kills: tuple[KillCriterion, ...],
    own: RankedOption | None,
    section: DecisionSection,
) -> tuple[AnsweredQuestion, ...]:
    """Return the four questions with their answers, in their order."""
    met = {one.name for one in kills if one.met}
    return (
        _narrow(facts.profile, moving="moving target" in met),
        _data(facts, next((one.met for one in kills if one.name == NOISE), None)),
        _speed(facts, own, section),
        _inside(facts, ranking),
    )


def _narrow(profile: LogProfile | None, *, moving: bool) -> AnsweredQuestion:
    question = "Is the task narrow and simple?"
    if profile is None:
        return _open("narrow", question, "There is no log of this task, which would show its prompts.")
    narrow = profile.narrowness
    figures = _known(
        evidence(
            "narrowness.in_three_prompts",
            "calls from the three commonest prompts",
            narrow.in_three_prompts,
            "share",
        ),
        evidence("narrowness.one_form", "answers of one form", narrow.one_form, "share"),
        evidence("narrowness.schema_changes", "changes of the answers a quarter", narrow.schema_changes),
        evidence("narrowness.new_values", "new values in 1,000 answers", narrow.new_values),
        evidence("narrowness.extractive", "values that stand in their document", narrow.extractive, "share"),
    )
    forms = [one for one in (narrow.in_three_prompts, narrow.one_form) if one.measured]
    said = _shares(narrow.in_three_prompts, narrow.one_form)
    if moving:
        answer, words = "no", "Its prompt or its answers change too often."
    elif not forms:
        answer, words = "open", f"Unknown: {narrow.one_form.note}."
    elif narrow.one_form.high is not None and narrow.one_form.high < NARROW:
        answer, words = "no", f"{said}: it is several tasks. Split it: insource logs discover."
    elif any((one.low or 0.0) >= NARROW for one in forms):
        answer, words = "yes", f"{said}."
    elif all(one.high is not None and one.high < NARROW for one in forms):
        answer, words = "no", f"{said}: it is several tasks. Split it: insource logs discover."
    else:
        answer, words = "open", f"{said}: not surely more than {NARROW:.0%}."
    return AnsweredQuestion(
        key="narrow",
        question=question,
        answer=_answer(answer),
        sentence=words,
        evidence=figures,
        link="docs/concepts/what-the-log-says.md",
    )


def _shares(prompts: Estimate, form: Estimate) -> str:
    parts = [
        f"{one.value:.0%} {what}"
        for one, what in (
            (prompts, "of the calls come from three prompts"),
            (form, "of the answers have one form"),
        )
        if one.value is not None
    ]
    return ", ".join(parts)


def _answer(text: str) -> Answer:
    return "yes" if text == "yes" else "no" if text == "no" else "open"


def _data(facts: Facts, noisy: bool | None) -> AnsweredQuestion:
    """Count the rows; ``noisy`` says whether too many labels are doubtful, None when nobody knows."""
    question = "Is there enough good data?"
    profile, ladder = facts.profile, facts.ladder
    rows = ladder.train_rows if ladder is not None else profile.data.inputs if profile is not None else 0
    count = Estimate(value=float(rows), n=rows, method="counted")
    figures = [evidence("data.rows", "usable different inputs", count)]
    if profile is not None:
        figures += [
            evidence(
                "data.contradictions",
                "repeated inputs with several answers",
                profile.data.contradictions,
                "share",
            ),
            evidence("data.corrections", "answers that a person changed", profile.data.corrections, "share"),
        ]
    if facts.profile is None and ladder is None:
        return _open("data", question, "No rows are known.")
    short = ladder.short() if ladder is not None else None
    learnt, seen = _more(facts.sufficiency)
    figures += seen
    if noisy:
        answer, words = "no", f"There are {rows:,} usable inputs, and too many doubtful labels among them."
    elif rows < ENOUGH_ROWS:
        answer, words = "no", f"There are {rows:,} usable inputs; {ENOUGH_ROWS} are a start."
    elif short is not None:
        answer, words = "open", f"There are {rows:,} rows to learn from; the test needs {short[1].words}."
    elif noisy is None and (ladder is None or not ladder.checked):
        answer = "open"
        words = f"There are {rows:,} usable inputs to learn from; how right their labels are is unknown."
    else:
        answer, words = "yes", f"There are {rows:,} usable inputs to learn from."
    words = f"{words} {learnt}".strip()
    return AnsweredQuestion(
        key="data",
        question=question,
        answer=_answer(answer),
        sentence=words,
        evidence=_known(*figures),
        link="docs/concepts/how-much-data.md",
    )


def _more(found: Sufficiency | None) -> tuple[str, list[Evidence]]:
    """Return what the learning curve says of more examples."""
    if found is None or found.curve is None:
        return "", []
    doubling = found.curve.doubling
    if doubling is None:
        return f"{found.curve.refused}." if found.curve.refused else "", []
    figures = [
        evidence("data.doubling.gain", "gain of twice the examples", doubling.gain, "points"),
        evidence(
            "data.doubling.probability",
            f"probability of {100 * doubling.delta:g} points",
            doubling.probability,
            "share",
        ),
    ]
    chance = f"{doubling.probability.value:.0%}"
    said = f"Twice as many gain {100 * doubling.delta:g} points or more with a probability of {chance}."
    overall = next((one.sentence for one in found.needed if one.part == "all"), "")
    return f"{said} {overall}".strip(), figures


def _speed(facts: Facts, own: RankedOption | None, section: DecisionSection) -> AnsweredQuestion:
    question = "What latency and volume does it need?"
    figures, parts, answers = [], [], []
    if facts.profile is not None:
        waiting = facts.profile.waiting.p95_s
        figures.append(evidence("waiting.p95_s", "95th percentile of today's latency", waiting, "s"))
    if own is not None:
        figures.append(evidence("own.p95_s", f"95th percentile of {own.name}", own.p95_s, "s"))
        if section.need_s is not None and own.p95_s.measured:
            high = own.p95_s.value if own.p95_s.high is None else own.p95_s.high
            low = own.p95_s.low or 0.0
            need = section.need_s
            answers.append("yes" if (high or 0.0) <= need else "no" if low > need else "open")
            parts.append(
                f"{own.name} answers within {own.p95_s.value:.3g} s (95th percentile); callers accept "
                f"{section.need_s:g} s"
            )
    economics = own.economics if own is not None else None
    if economics is not None and economics.break_even.measured and economics.volume.measured:
        needed, volume = economics.break_even.value or 0.0, economics.volume.value or 0.0
        figures += [
            evidence("economics.volume", "documents a month", economics.volume),
            evidence(
                "economics.break_even", "documents a month from which it costs less", economics.break_even
            ),
        ]
        assumed = assumed_volume(economics.volume)
        answers.append("open" if assumed else _above(volume, economics.break_even))
        relation = "above" if volume >= needed else "below"
        parts.append(
            f"{volume:,.0f} documents a month{assumed} are {relation} the {needed:,.0f} that break even"
        )
    if not parts:
        return _open("speed", question, "Neither the latency here nor the break-even volume is known yet.")
    answer = "no" if "no" in answers else "open" if "open" in answers else "yes"
    return AnsweredQuestion(
        key="speed",
        question=question,
        answer=_answer(answer),
        sentence=f"{'; '.join(parts)}.",
        evidence=_known(*figures),
        link="docs/concepts/economics.md",
    )


def _above(volume: float, needed: Estimate) -> Answer:
    """Return whether a volume is surely above what breaks even: above or below the whole interval."""
    exact = needed.low is None and needed.high is None
    low, high = (needed.value, needed.value) if exact else (needed.low, needed.high)
    if high is not None and volume >= high:  # an end without a value is infinite
        return "yes"
    return "no" if low is None or volume < low else "open"


def _inside(facts: Facts, ranking: Ranking) -> AnsweredQuestion:
    question = "What must stay inside?"
    link = "docs/concepts/what-the-log-says.md"
    allowed = [one for one in ranking.options if one.standing != "ruled out"]
    here = sum(not one.leaves for one in allowed)
    if facts.local_only:
        return AnsweredQuestion(
            key="inside",
            question=question,
            answer="yes",
            sentence=f"Everything: the task is local-only. {here} of the options keep every document here.",
            link=link,
        )
    if facts.profile is None:
        return _open("inside", question, "No log was searched for personal data and secrets.")
    privacy = facts.profile.privacy
    figures = _known(
        evidence("privacy.calls", "calls with personal data or secrets", privacy.calls, "share"),
        *(
            evidence(f"privacy.by_field.{field}", f"of them in {field}", share, "share")
            for field, share in privacy.by_field.items()
            if share.value
        ),
    )
    answer = {"local-only": "yes", "cloud-allowed": "no", "unknown": "open"}[privacy.proposed]
    words = {
        "local-only": f'Much of it: {privacy.reason}. Consider privacy = "local-only" under [task].',
        "cloud-allowed": f"Little: {privacy.reason}.",
        "unknown": f"Not settled: {privacy.reason}.",
    }[privacy.proposed]
    return AnsweredQuestion(
        key="inside", question=question, answer=_answer(answer), sentence=words, evidence=figures, link=link
    )


def _open(key: Literal["narrow", "data", "speed", "inside"], question: str, why: str) -> AnsweredQuestion:
    return AnsweredQuestion(key=key, question=question, answer="open", sentence=why)


def _known(*figures: Evidence) -> tuple[Evidence, ...]:
    return tuple(one for one in figures if one.estimate.measured)
