"""The one line a person reads first, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from insource.evaluation.never_answered import described, notable
from insource.types import Arm, BreakEven, Comparison, Verdict
from insource.types.evaluation import Role
from insource.types.gold import GoldSource

IMPROVED = "More or better training examples, or a larger base model."


def conclude(
    arms: Sequence[Arm],
    comparisons: Sequence[Comparison],
    economics: BreakEven,
    *,
    chosen: str | None,
    volume: float,
    gold: GoldSource | None = None,
    rests_on: str = "",
) -> Verdict:
    """Go, no-go or undecided about the arm named ``chosen``, from real cloud answers only.

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
            or _stopped_by_money(model, _hardest(against_cloud), economics, volume)
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


def _stopped_by_money(model: str, hardest: Comparison, economics: BreakEven, volume: float) -> Verdict | None:
    needed, capacity = economics.documents_per_month, economics.capacity_documents_per_month
    if economics.never and economics.hosted and hardest.outcome == "better":
        return Verdict(
            outcome="undecided",
            sentence=f"{model} is better than {hardest.baseline}, but {economics.reason}: whether it is "
            "worth that is for you to say.",
            flips_if=("A price cut.",),
        )
    if economics.never:
        return Verdict(
            outcome="no-go",
            sentence=f"As good as the cloud, but not worth it: {economics.reason}.",
            flips_if=("A higher cloud price.",),
        )
    if needed is not None and volume < needed:
        return Verdict(
            outcome="no-go",
            sentence=f"As good as the cloud, but not worth it: {volume:,.0f} documents a month are fewer "
            f"than the {needed:,.0f} it takes to break even.",
            flips_if=(f"A volume above {needed:,.0f} documents a month, or a higher cloud price.",),
        )
    if capacity is not None and capacity < volume:
        return Verdict(
            outcome="undecided",
            sentence=f"As good as the cloud, but one engine on this machine manages {capacity:,.0f} "
            f"documents a month and the task has {volume:,.0f}.",
            flips_if=("A faster machine, or several: measure there.",),
        )
    return None


def _go(model: str, against_cloud: Sequence[Comparison], economics: BreakEven) -> Verdict:
    hardest, needed = _hardest(against_cloud), economics.documents_per_month
    known = needed is not None or economics.hosted
    priced = "" if known else f" Its economics are open: {economics.reason}."
    saving = f" {economics.sentence}" if economics.hosted else ""
    margin = " within the margin" if hardest.outcome == "not worse" else ""
    others = [c.baseline for c in against_cloud if c is not hardest]
    also = f", and it holds against {' and '.join(others)}, too" if others else ""
    volume = () if needed is None else (f"A volume below {needed:,.0f} documents a month.",)
    return Verdict(
        outcome="go",
        sentence=f"{model} is {hardest.outcome} than {hardest.baseline}{margin}{also}.{priced}{saving}",
        flips_if=(
            "A cloud price cut, a change of the documents, or labels that turn out to be wrong.",
            *volume,
        ),
    )


def _inside(model: str) -> str:
    """Return the model's name as it stands inside a sentence."""
    return model.replace("The ", "the ", 1)
