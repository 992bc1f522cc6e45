"""The score of an answer, the evaluation of an arm, and the comparison of two arms."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from insource.types.base import Frozen
from insource.types.comparison import (
    Adjusted,
    Answered,
    OtherTest,
    Outcome,
    Question,
    RequiredSample,
    SampleMix,
    Standing,
)
from insource.types.estimate import Estimate
from insource.types.message import Completion

Role = Literal["candidate", "baseline", "reference"]

Bucket = Literal["correct", "wrong", "missed", "invented", "correctly_empty", "abstained"]

Tier = Literal["exact", "normalised", "number", "date", "quantity", "alias", "derived"]
"""The rungs of the grounding ladder on which a value is found in its document."""


class SlotScore(Frozen):
    """One leaf of the schema after list alignment, assigned to exactly one bucket."""

    path: str
    bucket: Bucket
    gold: Any = None
    predicted: Any = None


class Score(Frozen):
    """How one answer compares with its label.

    ``parsed``: the raw text is strict JSON (for labels: the text is one of them). ``repairable``: the text
    parses after code fences and prose are stripped; always true when ``parsed``. ``schema_valid``: parsed and
    valid. ``canonical``: valid, with every value in its canonical surface form. ``exact``: no slot is wrong,
    missed or invented. ``unsearched`` counts the slots of list items without a partner in a list too long to
    compare every label item with every answered one: some may have one after all. ``metrics`` are further
    values of this document by name: those of a text, and those of a scorer of the user's own. ``failure``
    says why there is no answer to judge: cut, refused, empty. ``correction_cost`` is the declared cost of
    correcting the answer, None where no field declares one.
    """

    slots: tuple[SlotScore, ...]
    parsed: bool
    repairable: bool
    schema_valid: bool
    canonical: bool
    exact: bool
    answer: Any = None
    explanation: str = ""
    unsearched: int = 0
    metrics: dict[str, float] = {}
    failure: str = ""
    correction_cost: float | None = None

    @property
    def field_accuracy(self) -> float | None:
        """(correct + correctly empty) / slots, or None when there are no slots."""
        if not self.slots:
            return None
        return sum(s.bucket in ("correct", "correctly_empty") for s in self.slots) / len(self.slots)

    @property
    def invented(self) -> int:
        return sum(s.bucket == "invented" for s in self.slots)


class EvalRecord(Frozen):
    """One document answered by one arm. A failed call keeps its reason and counts as a failure.

    Examples:
        >>> from insource import EvalRecord
        >>> EvalRecord(row_id="row-1", status="failed", reason="timeout").status
        'failed'
    """

    row_id: str
    group: str | None = None
    group_seen: bool | None = None
    status: Literal["scored", "failed", "unscored"]
    reason: str = ""
    completion: Completion | None = None
    score: Score | None = None
    confidence: float | None = None


# What a kind meant before an arm stated its role: results of that time are still read.
_STATED_BY_KIND: dict[str, dict[str, Any]] = {
    "tuned": {"role": "candidate", "local": True},
    "base": {"role": "baseline", "local": True},
    "cloud": {"role": "reference"},
    "simulated": {"role": "reference", "simulated": True},
}


class Arm(Frozen):
    """One way to do the job.

    ``kind`` is a word for people; nothing is decided by it. ``role``: a ``candidate`` may replace the cloud,
    a ``baseline`` is what a candidate has to beat, a ``reference`` is a cloud that could be replaced.
    ``local`` arms run on this machine, so that their cost follows from their latency. ``simulated``
    answers imitate a cloud with a published error profile and prove nothing.

    Examples:
        >>> from insource import Arm
        >>> arm = Arm(name="tuned", model="smollm2-135m-instruct", kind="tuned", cost_per_1000_usd=0.52)
        >>> arm.role, arm.local, arm.constrained
        ('candidate', True, False)
    """

    name: str
    model: str
    kind: str
    role: Role = "candidate"
    local: bool = False
    simulated: bool = False
    constrained: bool = False
    description: str = ""
    cost_per_1000_usd: float | None = None
    cost_basis: str = ""
    assumed_latency_s: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _stated_by_kind(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "role" in given:
            return given
        if given.get("kind") not in _STATED_BY_KIND:
            raise ValueError(f"an arm of kind {given.get('kind')!r} has to state its role")
        return _STATED_BY_KIND[given["kind"]] | given


class Effort(Frozen):
    """How hard an arm was tried before the test split was looked at, so that arms can be compared fairly.

    ``validation_evaluations`` counts the settings that were scored on rows held out from their fit; equal
    numbers are equal effort. ``settings`` are those that were kept, in words; a prompt is one of them.
    """

    validation_evaluations: int
    settings: dict[str, str] = {}
    note: str = ""


class SurfaceForm(Frozen):
    """How uniformly an arm writes one field.

    ``dominant`` is the share of its values in ``pattern``, the most frequent one; ``evenness`` is one minus
    the normalised entropy of the patterns; ``labels`` is the dominant share of the labels themselves.
    """

    pattern: str
    dominant: Estimate
    evenness: float
    labels: float


class FieldMetrics(Frozen):
    """Bucket counts and accuracy of one field over all documents of an arm.

    ``surface`` is None where the field is free text, or has too few values to tell.
    """

    path: str
    accuracy: Estimate
    buckets: dict[Bucket, int]
    surface: SurfaceForm | None = None


class FieldGrounding(Frozen):
    """Whether the values that an arm gives for one field stand in their documents.

    ``tiers`` counts the values by the rung of the ladder that found them. ``unsupported`` is the observed
    share without one, ``false_alarm`` that of the labels in their own documents, ``miss`` the share of other
    documents' values that are found all the same. ``invented`` is the rate corrected for both (Rogan and
    Gladen 1978); ``not_judged`` says why there is none.
    """

    path: str
    values: int
    tiers: dict[Tier, int]
    unsupported: Estimate
    false_alarm: Estimate
    miss: Estimate
    invented: Estimate
    not_judged: str = ""


class ClassMetrics(Frozen):
    """One label of a classification: ``n`` documents have it, ``answered`` documents got it."""

    label: str
    n: int
    answered: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


class Evaluation(Frozen):
    """One arm on one split: ``scored + failed + unscored == n``.

    ``metrics`` holds the headline and component metrics by name (``docs/reference/metrics.md``);
    ``slices`` holds the primary metrics by slice (``seen groups``, ``unseen groups``). ``unsearched`` counts
    the documents with such slots (``Score.unsearched``). ``expected`` is the primary metric by
    cross-validation on the training split, for an arm that was fitted there. ``classes`` and ``confusion``
    (label, answered label, count; unusable answers under ``(no label)``) are of label tasks, ``grounding`` of
    fields. ``reused`` counts the answers that were kept from an earlier evaluation. ``stopped`` is
    the reason why it was asked about fewer documents than planned, empty when it was asked about all.

    Examples:
        >>> from insource import Arm, EvalRecord, Evaluation, summarise
        >>> def record(n, right):
        ...     # The record of a document with one field.
        ...     slot = {"path": "voltage", "bucket": "correct" if right else "wrong", "gold": "480 V"}
        ...     score = {"slots": [slot], "exact": right}
        ...     score |= dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
        ...     return EvalRecord(row_id=str(n), status="scored", score=score)
        >>> arm = Arm(name="tuned", model="smollm2-135m-instruct", kind="tuned")
        >>> found: Evaluation = summarise(arm, "test", [record(n, right=n > 3) for n in range(40)])
        >>> found.n, found.scored + found.failed + found.unscored
        (40, 40)
        >>> found.metrics["exact_match"].value
        0.9
    """

    schema_version: int = 1
    arm: Arm
    split: str
    n: int
    scored: int
    failed: int
    unscored: int
    metrics: dict[str, Estimate]
    fields: tuple[FieldMetrics, ...]
    slices: dict[str, dict[str, Estimate]] = {}
    latency_s: dict[str, Estimate] = {}
    failures: dict[str, int] = {}
    unsearched: int = 0
    seconds: float = 0.0
    effort: Effort | None = None
    expected: Estimate | None = None
    classes: tuple[ClassMetrics, ...] = ()
    confusion: dict[str, dict[str, int]] = {}
    grounding: tuple[FieldGrounding, ...] = ()
    reused: int = 0
    stopped: str = ""


class NeverAnswered(Frozen):
    """Labels that occur in the documents and in none of a cloud's answers.

    ``labels`` are those of ``field``, most frequent first; ``occurring`` is the number of labels in the
    documents. ``documents`` of ``of`` have one of ``labels``.
    """

    arm: str
    field: str
    labels: tuple[str, ...]
    occurring: int
    documents: int
    of: int


class Comparison(Frozen):
    """The difference between candidate and baseline (candidate minus baseline) on the same documents.

    ``better``, ``worse`` and ``same`` count documents. ``outcome``, ``difference``, ``p_value`` (two-sided)
    and ``p_not_worse`` (one-sided, at the margin) are from ``test`` and answer ``question``;
    ``other_question`` has the answer to the other one where documents share groups. ``units`` counts the
    documents or groups of the question. ``required`` is the sample that would decide, given when the outcome
    is inconclusive; ``required_n`` is its expected number of documents. ``verdict_allowed`` is false when an
    arm is simulated; ``outcome`` is then None. ``not_comparable`` is the reason of that outcome.
    ``never_answered`` names the labels that a compared cloud never gave: it may not have been offered them.
    ``mix`` sets the share of unseen groups against what is to be expected, ``adjusted`` corrects a secondary
    comparison for their number, and ``standing`` says whether it is confirmatory.

    Examples:
        >>> from insource import Arm, Comparison, EvalRecord, compare
        >>> def record(n, right):
        ...     # The record of a document with one field.
        ...     slot = {"path": "voltage", "bucket": "correct" if right else "wrong", "gold": "480 V"}
        ...     score = {"slots": [slot], "exact": right}
        ...     score |= dict.fromkeys(("parsed", "repairable", "schema_valid", "canonical"), True)
        ...     return EvalRecord(row_id=str(n), status="scored", score=score)
        >>> tuned = Arm(name="tuned", model="smollm2", kind="tuned"), [record(n, n > 3) for n in range(40)]
        >>> base = Arm(name="base", model="smollm2", kind="base"), [record(n, n > 19) for n in range(40)]
        >>> found: Comparison = compare(tuned, base, metric="exact_match", margin=0.02)
        >>> found.better, found.worse, found.same
        (16, 0, 24)
        >>> found.outcome
        'better'
    """

    candidate: str
    baseline: str
    metric: str
    n: int
    candidate_value: Estimate
    baseline_value: Estimate
    difference: Estimate
    better: int
    worse: int
    same: int
    p_value: float | None
    test: str
    margin: float
    outcome: Outcome | None
    verdict_allowed: bool = True
    required_n: int | None = None
    never_answered: tuple[NeverAnswered, ...] = ()
    sentence: str = ""
    question: Question = "documents"
    units: int | None = None
    weighting: str = ""
    p_not_worse: float | None = None
    required: RequiredSample | None = None
    other_test: OtherTest | None = None
    other_question: Answered | None = None
    mix: SampleMix | None = None
    not_comparable: str = ""
    adjusted: Adjusted | None = None
    standing: Standing | None = None

    @model_validator(mode="before")
    @classmethod
    def _asked_of_its_units(cls, given: Any) -> Any:
        """A result of the time when the groups decided wherever there were enough of them."""
        if isinstance(given, dict) and "question" not in given and "by group" in str(given.get("test")):
            return given | {"question": "groups"}
        return given


class Disagreement(Frozen):
    """A document shown to people: the input, the label and each arm's answer."""

    row_id: str
    input: str
    target: str
    answers: dict[str, str]
    explanation: str = ""
