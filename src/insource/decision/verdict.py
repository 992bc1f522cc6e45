"""The one line a person reads first, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from insource.decision.economics.flows import HARDWARE, RENT
from insource.evaluation.never_answered import described, notable
from insource.types import Arm, Comparison, Verdict
from insource.types.economics import Economics
from insource.types.evaluation import Role
from insource.types.gold import GoldSource

IMPROVED = "More or better training examples, or a larger base model."


def conclude(
    arms: Sequence[Arm],
    comparisons: Sequence[Comparison],
    economics: Economics | None,
    *,
    chosen: str | None,
    payback_probability: float = 0.8,
    gold: GoldSource | None = None,
    rests_on: str = "",
) -> Verdict:
    """Go, no-go or undecided about the arm named ``chosen``, from real cloud answers only.

    ``economics`` is that of the arm against the cheapest cloud that is not worse: a *go* has to pay back in
    ``payback_probability`` of the draws, a *no-go* pays back in no more than 1 minus that. Where an input of
    it is unknown the question is open; None means that money does not decide.

    A simulated cloud or none at all leaves the question open, however good the candidate is. Among
    several cloud models the candidate has to hold against each. Where a cloud never gave labels that more
    than 1 % of the documents have, the sentence begins with it. It ends with what weakens it: labels of
    ``gold`` that nobody checked, what a text task ``rests_on``, an exploratory comparison, and other
    candidates that did better on the test documents.
    """
    role = {arm.name: arm.role for arm in arms}
    candidate = next((arm for arm in arms if arm.name == chosen), None)
    if candidate is None:
        none = f"{chosen} was chosen, but it answered no test document." if chosen else ""
        return Verdict(outcome="undecided", sentence=none or "No candidate was evaluated.")
    mine = [c for c in comparisons if c.candidate == candidate.name]
    against_cloud = [c for c in mine if role.get(c.baseline) == "reference" and c.verdict_allowed]
    against_baseline = [c for c in mine if role.get(c.baseline) == "baseline" and c.outcome]
    reasons = tuple(c.sentence for c in (*against_cloud, *against_baseline))
    model = f"The {candidate.kind} model"
    if candidate.name != candidate.kind:
        model = f"The candidate {candidate.name} ({candidate.kind})"
    if against_cloud:
        found = (
            _stopped_by_cloud(model, against_cloud, local=candidate.local)
            or _stopped_by_baseline(model, against_baseline)
            or _stopped_by_money(model, _hardest(against_cloud), economics, payback_probability)
            or _go(model, against_cloud, economics)
        )
    else:
        found = _without_cloud(arms, model, against_baseline)
    handicapped = [
        one
        for comparison in against_cloud
        if comparison.outcome != "not comparable"  # its reason says so already
        for one in comparison.never_answered
        if notable(one)
    ]
    parts = [*(described(one) for one in handicapped), found.sentence, *_weakened(mine, role, found, gold)]
    sentence = " ".join([*parts, rests_on] if rests_on else parts)
    return found.model_copy(update={"sentence": sentence, "reasons": reasons})


def _weakened(
    mine: Sequence[Comparison], role: Mapping[str, Role], found: Verdict, gold: GoldSource | None
) -> list[str]:
    """Return what makes the outcome worth less."""
    parts = [gold.sentence] if gold is not None and gold.kind == "agreement" else []
    standing = mine[0].standing if mine and found.outcome != "undecided" else None
    if standing is not None and standing.kind == "exploratory":
        parts.append(f"This is exploratory: {standing.reason}.")
    better = [
        c.baseline
        for c in mine
        if role.get(c.baseline) == "candidate" and c.adjusted is not None and c.adjusted.outcome == "worse"
    ]
    if better:
        parts.append(
            f"On these test documents {' and '.join(better)} did better; that is exploratory, because the "
            "candidate was chosen on validation documents."
        )
    return parts


def _outcome(comparison: Comparison) -> str | None:
    """Return the outcome that counts.

    To hold against each of several clouds needs no correction for their number (Berger 1982). To be worse
    than any of them does: among many equal clouds one looks better by chance.
    """
    corrected = comparison.adjusted
    return corrected.outcome if corrected and comparison.outcome == "worse" else comparison.outcome


def _hardest(against: Sequence[Comparison]) -> Comparison:
    """Return the comparison that came out worst for the candidate."""
    order = ["better", "not worse", "inconclusive", "not comparable", "worse"]
    return max(against, key=lambda c: order.index(str(_outcome(c))))


def _without_cloud(arms: Sequence[Arm], model: str, against_baseline: Sequence[Comparison]) -> Verdict:
    simulated = any(arm.simulated for arm in arms)
    gap = (
        "the cloud was only simulated, and nothing is concluded from a simulation"
        if simulated
        else "no cloud answers were measured"
    )
    hardest = _hardest(against_baseline) if against_baseline else None
    baseline = hardest.baseline if hardest else ""
    so_far = {
        "better": f"{model} is better than every baseline",
        "not worse": f"{model} is not worse than {baseline}",
        "worse": f"{model} is worse than {baseline}",
        "inconclusive": f"Whether {_inside(model)} is better than {baseline} is not settled",
        None: f"{model} was measured alone",
    }[_outcome(hardest) if hardest else None]
    return Verdict(
        outcome="undecided",
        sentence=f"{so_far}. Whether it can replace your cloud model is open: {gap}.",
        flips_if=(
            "Real cloud answers on the same documents: log them through the gateway, add them as "
            "`cloud_outputs`, or run with `--cloud provider/model`.",
        ),
    )


def _stopped_by_cloud(model: str, against_cloud: Sequence[Comparison], *, local: bool) -> Verdict | None:
    hardest = _hardest(against_cloud)
    outcome = _outcome(hardest)
    if outcome == "worse":
        return Verdict(
            outcome="no-go",
            sentence=f"Stay with {hardest.baseline}: {_inside(model)} is worse.",
            flips_if=(IMPROVED if local else "Another model or prompt.",),
        )
    if outcome == "not comparable":
        return Verdict(
            outcome="undecided",
            sentence=f"{model} and {hardest.baseline} are not comparable here. {hardest.not_comparable}",
            flips_if=("Answers of the cloud without that handicap, on the same documents.",),
        )
    if outcome == "inconclusive":
        more = f" It takes about {hardest.required.words}." if hardest.required else ""
        if not more and hardest.required_n:  # a result of before the unit was stated
            more = f" About {hardest.required_n:,} test documents would settle it."
        return Verdict(
            outcome="undecided",
            sentence=f"The test set cannot tell {_inside(model)} from {hardest.baseline}.{more}",
            flips_if=("A larger test set, or a wider margin.",),
        )
    return None


def _stopped_by_baseline(model: str, against_baseline: Sequence[Comparison]) -> Verdict | None:
    """A baseline is what a candidate has to beat: one that is certainly better is also simpler."""
    worse = next((c for c in against_baseline if _outcome(c) == "worse"), None)
    if worse is None:
        return None
    return Verdict(
        outcome="no-go",
        sentence=f"{model} is as good as the cloud, but worse than {worse.baseline}, which is simpler.",
        flips_if=(IMPROVED,),
    )


def _stopped_by_money(
    model: str, hardest: Comparison, economics: Economics | None, at_least: float
) -> Verdict | None:
    if economics is not None and economics.unknown:
        return Verdict(
            outcome="undecided",
            sentence=f"{model} is {hardest.outcome} than {hardest.baseline}, but whether it pays is unknown: "
            f"{'; '.join(economics.unknown)}.",
            flips_if=("What is unknown, stated under [decision] or [reference].",),
        )
    if economics is None or economics.payback_probability.value is None:
        return None
    paid, flips = economics.payback_probability.value, _flips(economics)
    found = (
        f"against {economics.against} it has paid back within {economics.horizon_months} months in "
        f"{paid:.0%} of the draws"
    )
    if paid <= 1 - at_least and hardest.outcome == "better":
        return Verdict(
            outcome="undecided",
            sentence=f"{model} is better than {hardest.baseline}, but does not pay: {found}. Whether it is "
            "worth that is for you to say.",
            flips_if=("A cost of each error in `decision.error_usd`.", *flips),
        )
    if paid <= 1 - at_least:
        return Verdict(
            outcome="no-go",
            sentence=f"As good as the cloud, but not worth it: {found}.",
            flips_if=flips,
        )
    if paid < at_least:
        return Verdict(
            outcome="undecided",
            sentence=f"As good as the cloud, but whether it pays is open: {found}.",
            flips_if=flips,
        )
    return _stopped_by_capacity(economics)


def _stopped_by_capacity(economics: Economics) -> Verdict | None:
    """Machines that are taken as there, and are not, cost nothing only on paper."""
    costs = economics.costs
    paid_for = {line.name for line in costs.month if line.usd} if costs else set()
    if costs is None or costs.machines < 2 or paid_for & {HARDWARE, RENT}:
        return None
    return Verdict(
        outcome="undecided",
        sentence=f"As good as the cloud, but the busiest hours take {costs.machines} machines like this one, "
        "and none is paid for.",
        flips_if=("The price of a machine in `decision.hardware_usd` or `decision.rent_usd_per_month`.",),
    )


def _go(model: str, against_cloud: Sequence[Comparison], economics: Economics | None) -> Verdict:
    hardest = _hardest(against_cloud)
    priced = ""
    if economics is not None and economics.payback_probability.value is not None:
        priced = (
            f" It has paid back against {economics.against} within {economics.horizon_months} months in "
            f"{economics.payback_probability.value:.0%} of the draws."
        )
    margin = " within the margin" if hardest.outcome == "not worse" else ""
    others = [c.baseline for c in against_cloud if c is not hardest]
    also = f", and it holds against {' and '.join(others)}, too" if others else ""
    return Verdict(
        outcome="go",
        sentence=f"{model} is {hardest.outcome} than {hardest.baseline}{margin}{also}.{priced}",
        flips_if=(
            "A change of the documents, or labels that turn out to be wrong.",
            *(_flips(economics) if economics is not None else ()),
        ),
    )


def _flips(economics: Economics) -> tuple[str, ...]:
    """Return the sentence on the inputs that turn the present value around."""
    return tuple(one for one in economics.sentences if "turns that around" in one)


def _inside(model: str) -> str:
    """Return the model's name as it stands inside a sentence."""
    return model.replace("The ", "the ", 1)
