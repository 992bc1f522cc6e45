"""Invented decisions for tests of whatever shows one. No figure here was measured anywhere."""

from __future__ import annotations

import functools

from support.arms import dataset_of
from support.judged import against
from support.learning_curves import asked_of, law
from support.made_economics import cloud, priced, spread, tuned
from support.planted_ladders import answers, cloud_arm, decided, hosted_arm, ladder, own_arm
from support.planted_logs import the_profile, tickets
from support.step_ladders import step_ladder

from insource.config.decision import DecisionSection
from insource.decision.economics.assumptions import assumptions
from insource.decision.economics.options import cascade, switch
from insource.decision.economics.weigh import weigh
from insource.decision.sufficiency.suffices import Trained, data_sufficiency
from insource.evaluation.compare import compare
from insource.foundation.canonical import digest
from insource.types import Estimate, Example, Labels, Provenance, Task, Verdict
from insource.types.decided import (
    AnsweredQuestion,
    Decision,
    Evidence,
    Flip,
    GateResult,
    KillCriterion,
    NextExperiment,
    RankedOption,
)
from insource.types.economics import Economics
from insource.types.log_profile import Leaving, LogProfile
from insource.types.probes import LargerBase, Probe, Probes

DRAWS = 400
ACCURACY = {"cascade": 0.962, "tuned": 0.951, "n-grams": 0.874, "small tier": 0.948, "cloud": 0.955}


def estimate(value: float, half: float, n: int = 400, method: str = "cluster-t by customer") -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, n=n, method=method)


NOTHING = Estimate(value=0, method="by construction")


def saved(usd: float) -> Estimate:
    return Estimate(value=usd, low=usd - 9_000, high=usd + 12_000, n=DRAWS, method="Monte-Carlo")


def unmeasured(why: str) -> Estimate:
    return Estimate(value=None, method="unknown", note=why)


def evidence(name: str, what: str, found: Estimate, unit: str = "", where: str = "") -> Evidence:
    return Evidence(name=name, what=what, estimate=found, unit=unit, where=where)


@functools.cache
def economics(name: str, volume: int) -> Economics:
    """What an option costs against the small tier of the cloud."""
    given = assumptions(DecisionSection(documents_per_month=volume, hardware_usd=2_500))
    tier = switch("small tier", priced(6.2, "small tier"), given, correct=spread("right", 0.948, 0.93, 0.96))
    here = tuned(given, 0.4, name, correct=ACCURACY.get(name, 0.9), audited_by=priced(6.2, "small tier"))
    options = {
        "cascade": cascade(
            "cascade",
            here,
            priced(6.2, "small tier"),
            escalated_share=spread("share that cascade passes on", 0.2, 0.1, 0.3, ceiling=1),
            correct=here.correct,
        ),
        "small tier": tier,
        "cloud": cloud(12, "cloud", ACCURACY["cloud"]),
    }
    return weigh(options.get(name, here), tier, given, seed=7, draws=DRAWS)


@functools.cache
def profile() -> LogProfile:
    """What a planted log of tickets says."""
    return the_profile(tickets(days=20))


def option(
    name: str, kind: str, volume: int, difference: Estimate, saves: Estimate, **more: object
) -> RankedOption:
    """An option whose figures are all known."""
    found = economics(name, volume)
    assert found.costs is not None
    known = {
        "standing": "holds",
        "why": f"not worse than cloud by more than 2.0 points on 400 documents of {name}",
        "quality": estimate(ACCURACY[name], 0.021),
        "metric": "accuracy",
        "judged": "by labels that people checked",
        "difference": difference,
        "p95_s": estimate(0.83, 0.06, method="order statistics"),
        "cost_per_1000_correct_usd": found.costs.per_1000_correct,
        "saves": saves,
        "economics": found,
        "risk": f"{name} drifts when new kinds of tickets come",
        "effort": f"build and evaluate {name}",
        "effort_hours": 100.0,
        "leaves": f"nothing but what {name} passes on",
        "flips": (
            Flip(
                input="documents_per_month",
                unit="documents a month",
                now=volume,
                side="below",
                threshold=61_250.0,
                sentence=f"Below 61,250 documents a month, {name} no longer pays (now {volume:,}).",
            ),
        ),
        "evidence": (
            evidence("quality.accuracy", f"accuracy of {name}", estimate(ACCURACY[name], 0.021), "share"),
        ),
    }
    return RankedOption(kind=kind, name=name, **(known | more))


def kills(met: bool) -> tuple[KillCriterion, ...]:
    changes = estimate(9.5 if met else 0.4, 0.3, 3, "Poisson, Garwood 1936")
    return (
        KillCriterion(
            name="unstable schema",
            met=met,
            sentence=f"The answers' keys changed {changes.value} times a quarter.",
            evidence=(evidence("narrowness.schema_changes", "changes of keys", changes, "a quarter", "log"),),
            instead="keep" if met else None,
        ),
        KillCriterion(
            name="too little volume",
            met=False,
            sentence="The volume is above the one from which an own model costs less a month.",
            evidence=(
                evidence("traffic.per_month", "documents", estimate(301_250, 12_500, 30), "a month", "bill"),
            ),
        ),
        KillCriterion(
            name="answers outside the input",
            met=None,
            sentence="Whether the answers stand in their documents is unknown.",
            evidence=(
                evidence(
                    "narrowness.extractive", "answers in documents", unmeasured("labels have none"), "share"
                ),
            ),
        ),
    )


def questions() -> tuple[AnsweredQuestion, ...]:
    return (
        AnsweredQuestion(
            key="narrow",
            question="Is the task narrow and simple?",
            answer="yes",
            sentence="Three prompts make 99.2% of the calls.",
            evidence=(
                evidence(
                    "narrowness.in_three_prompts", "calls from three prompts", estimate(0.992, 0.004), "share"
                ),
            ),
            link="docs/concepts/what-the-log-says.md",
        ),
        AnsweredQuestion(
            key="data",
            question="Is there enough good data?",
            answer="open",
            sentence="5,120 inputs have an answer; nobody checked any of them.",
            evidence=(
                evidence("data.inputs", "inputs with an answer", Estimate(value=5_120, method="count")),
            ),
            link="log",
        ),
        AnsweredQuestion(
            key="speed",
            question="What latency and volume are needed?",
            answer="yes",
            sentence="95 % of the answers take at most 0.83 s; 2 s are allowed.",
            evidence=(evidence("p95_s", "p95 of tuned", estimate(0.83, 0.06), "s", "options"),),
            link="options",
        ),
        AnsweredQuestion(
            key="inside",
            question="What must stay inside?",
            answer="no",
            sentence="3.1% of the calls hold personal data, so the cloud is allowed.",
            evidence=(
                evidence("privacy.calls", "calls with personal data", estimate(0.031, 0.009), "share"),
            ),
            link="leaving",
        ),
    )


def leaving() -> tuple[Leaving, ...]:
    return (
        Leaving(
            option="keep",
            what="every document",
            calls_per_month=estimate(300_100, 12_100, 30),
            sensitive_calls_per_month=estimate(9_310, 3_010, 30),
        ),
        Leaving(
            option="fine-tune",
            what="nothing",
            calls_per_month=NOTHING,
            sensitive_calls_per_month=NOTHING,
        ),
    )


def experiments() -> tuple[NextExperiment, ...]:
    return (
        NextExperiment(
            depth="ladder",
            command="insource decide --depth ladder",
            settles="whether n-grams or a tuned model are as good as the cloud",
            minutes=Estimate(value=24, low=15, high=41, method="from the time of 30 rows"),
            usd=Estimate(value=1.75, low=1.2, high=2.9, method="tokens of the log at today's prices"),
        ),
        NextExperiment(
            depth="probe",
            command="insource decide --depth probe --budget 2h",
            settles="how much more data would help",
            minutes=Estimate(value=118, low=90, high=150, method="from the plan of one training"),
            usd=unmeasured("the price of a larger model is not known"),
        ),
    )


def decision(**changes: object) -> Decision:
    """A go: a cascade saves most, measured on the ladder."""
    volume = 300_000
    options = (
        option("cascade", "cascade", volume, estimate(0.007, 0.014), saved(61_400)),
        option("tuned", "fine-tune", volume, estimate(-0.004, 0.015), saved(52_100)),
        option("small tier", "cheaper tier", volume, estimate(-0.007, 0.013), saved(48_800), effort_hours=8),
        option("cloud", "keep", volume, NOTHING, NOTHING, dominated_by="cascade", flips=()),
        option("n-grams", "classical", volume, estimate(-0.081, 0.022), saved(55_500), standing="fails",
               why="worse by 8.1 points on 400 documents"),
    )  # fmt: skip
    whole = Decision(
        insource_version="0.1.0",
        task="tickets",
        depth="ladder",
        decided_at="2026-04-12T10:28:02Z",
        machine="Linux x86_64, 2 cores, 8 GB",
        command="insource decide --depth ladder",
        run_id="20260412T101530Z-run-3fa2c1",
        result=".insource/runs/20260412T101530Z-run-3fa2c1/result.json",
        verdict=Verdict(
            outcome="go",
            sentence="The cascade is not worse than cloud and saves $61,400 in 36 months.",
            reasons=("Not worse than cloud by more than 2.0 points on 400 documents.",),
            flips_if=("Below 61,250 documents a month it no longer pays.",),
        ),
        kills=kills(met=False),
        options=options,
        headline="cascade",
        reference="small tier",
        reference_reason="the cheapest tier that is not worse",
        excluded=(("nano tier", "worse by 6.2 points"), ("batched cloud", "an answer takes a day")),
        next=experiments()[1],
        deeper=experiments()[1:],
        questions=questions(),
        gates=(
            GateResult(expression="difference.low > -0.02", met=True),
            GateResult(expression="cost_per_1000_correct < 2", met=False),
            GateResult(expression="p95_s < 1", met=None),
        ),
        leaves=leaving(),
        unknown={"the price of larger-model": "no table has it"},
        profile=profile(),
    )
    return whole.model_copy(update=changes)


def no_go() -> Decision:
    """A no from the log alone: the schema changes too often."""
    kept = RankedOption(
        kind="keep",
        name="cloud",
        standing="holds",
        why="it is what answers today",
        saves=NOTHING,
        risk="the price may change",
        effort="none",
        effort_hours=0,
        leaves="every document",
    )
    own = RankedOption(
        kind="fine-tune",
        name="tuned",
        standing="fails",
        why="the schema changes faster than a model can be trained again",
        quality=unmeasured("no model was trained"),
        saves=unmeasured("the machine time of tuned was not measured"),
        economics=economics("tuned", 900),
        cost_per_1000_correct_usd=Estimate(value=612.5, low=250, high=1_310, n=DRAWS, method="Monte-Carlo"),
        unknown=("the machine time of tuned: it was not measured",),
    )
    return decision(
        depth="log",
        run_id="",
        result="",
        command="insource decide",
        verdict=Verdict(
            outcome="no-go",
            sentence="Keep the cloud: the answers' keys changed 9.5 times a quarter.",
            reasons=("A model would be out of date before it is trained.",),
        ),
        kills=kills(met=True),
        options=(kept, own),
        headline="tuned",
        reference="cloud",
        reference_reason="the only tier in the log",
        excluded=(),
        next=experiments()[0],
        deeper=experiments(),
        gates=(),
    )


def undecided() -> Decision:
    """Nothing is known but that there is a task; the cloud is simulated."""
    own = RankedOption(kind="fine-tune", name="tuned", standing="open", why="no test document has a label")
    return Decision(
        insource_version="0.1.0",
        task="equipment",
        depth="log",
        decided_at="2026-04-12T10:28:02Z",
        machine="Linux x86_64, 2 cores, 8 GB",
        verdict=Verdict(outcome="undecided", sentence="The cloud is simulated, so nothing is decided."),
        options=(own,),
        headline="tuned",
        simulated=True,
        unknown={"traffic.per_month": "the log spans 3 hours", "spending.per_1000_usd": "no price is known"},
    )


def local_only() -> Decision:
    """A task whose data must not leave."""
    ruled_out = RankedOption(
        kind="keep",
        name="cloud",
        standing="ruled out",
        why="the task is local-only",
        leaves="every document",
    )
    own = decision().options[1]
    return decision(
        local_only=True,
        options=(own, ruled_out),
        headline="tuned",
        verdict=Verdict(
            outcome="go", sentence="The tuned model answers here, and nothing leaves the machine."
        ),
        leaves=leaving()[1:],
    )


@functools.cache
def measured(volume: int = 400_000) -> Decision:
    """A decision that was really made, on planted arms."""
    cloud_side = (cloud_arm("gpt", 8.0), answers(0.95, seed="cloud"))
    small = (hosted_arm("mini", 2.5), answers(0.93, seed="mini"))
    grams = (own_arm("n-grams", "classical labels"), answers(0.86, seconds=0.002, seed="n-grams"))
    found = ladder(cloud_side, (own_arm(), answers(0.955, seconds=0.4, seed="tuned")), grams, small)
    gates = ("p95_s < 1", "saves.low > 0")
    whole = decided(found, profile(), documents_per_month=volume, gates=gates)
    return whole.model_copy(update={"depth": "ladder"})


@functools.cache
def from_the_log() -> Decision:
    """A decision that was really made, from a planted log alone."""
    return decided(profile=profile())


@functools.cache
def probed() -> Decision:
    """A decision with a learning curve on planted answers, and probes of which one was not run."""
    output = Labels(names=("a", "b"))
    task = Task(name="tickets", instruction="Which desk?", output=output, primary_metric="accuracy")
    rows = [
        Example(
            row_id=f"r{number}",
            digest=digest(number),
            input=f"message {number}",
            target="ab"[number % 2],
            provenance=Provenance(source="test"),
        )
        for number in range(60)
    ]
    trained = Trained("classical", "n-grams", "it is the cheapest", asked_of(law(0.06, 3.0, 0.6)))
    sides = against([0] * 180 + [1] * 12 + [-1] * 8)
    found = data_sufficiency(dataset_of(rows[:40], rows[40:], task), task, trained=trained, pair=sides)
    larger = compare(sides[0], sides[1], metric="accuracy", margin=0.02)
    probes = Probes(
        budget_s=7_200,
        probes=(
            Probe(
                name="classical curve",
                what="n-grams on five sizes",
                status="measured",
                seconds=Estimate(value=41, low=20, high=82, n=3, method="from the first size"),
                usd=Estimate(value=0.0, method="nothing is sent"),
                took_s=37.0,
            ),
            Probe(
                name="fine-tune curve",
                what="five trainings",
                status="not run",
                seconds=Estimate(value=26_400, low=18_000, high=40_000, method="the plan of one training"),
                usd=unmeasured("the price of the electricity is not known"),
                reason="it takes longer than the budget",
            ),
        ),
        curve=found.curve,
        quantisations=step_ladder(),
        larger=LargerBase(model="larger", than="small", prompted="few-shot", comparison=larger),
        cheapest="The next probe, five trainings, takes about 7.3 hours.",
    )
    return measured().model_copy(update={"depth": "probe", "sufficiency": found, "probes": probes})


EXAMPLES = (decision, no_go, undecided, local_only, measured, from_the_log, probed)
