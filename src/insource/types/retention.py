"""What training did beside the task: whether the model memorised its rows, and what it forgot."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.estimate import NOT_MEASURED, Estimate

ProbeOutcome = Literal["lost", "held", "undecided", "cannot detect"]


class SimilarityBand(Frozen):
    """A quarter of the test documents, by the cosine with their nearest training document."""

    low: float
    high: float
    quality: Estimate


class Counterfactuals(Frozen):
    """Training documents in which one value was replaced by one that the model did not see there.

    ``follows``: the changed field has the new value. ``kept_old``: it has the value of the training label.
    ``others_stay``: the share of the other fields whose answer is as before the change. ``note`` says why
    nothing was measured.
    """

    documents: int = 0
    follows: Estimate = NOT_MEASURED
    kept_old: Estimate = NOT_MEASURED
    others_stay: Estimate = NOT_MEASURED
    note: str = ""


class Canaries(Frozen):
    """Values that occur in one training label alone, in answers to test documents that do not state them.

    ``rate`` is the share of test documents with one, ``values`` the number of such training values, ``found``
    the field and row id of those that were answered.
    """

    values: int = 0
    rate: Estimate = NOT_MEASURED
    found: tuple[tuple[str, str], ...] = ()
    note: str = ""


class Drift(Frozen):
    """How far the tuned model's next tokens are from the base's, along the base's own answers.

    ``nats`` is KL(base, tuned) a token; it is a lower bound, because all but the likeliest tokens count as
    one. ``same_first`` is the share of tokens on which both would choose alike. ``band`` says what loss
    through quantisation is of this size.
    """

    prompts: Literal["task", "general"]
    nats: Estimate
    p99: Estimate
    same_first: Estimate
    band: str


class ProbeResult(Frozen):
    """One skill, the base and the tuned model on the same generated questions.

    ``difference`` is tuned minus base, simultaneous over all probes that can detect a loss. ``cannot
    detect``: the base is so near to guessing that even the loss of the whole skill would not show.
    """

    probe: str
    base: Estimate
    tuned: Estimate
    difference: Estimate = NOT_MEASURED
    outcome: ProbeOutcome


class AdapterOff(Frozen):
    """The engine with the adapter switched off, against an engine that never loaded it.

    ``same`` is the share of equal answers, ``largest_difference`` that of the log-probabilities of their
    tokens (nats). ``note`` says why nothing was measured.
    """

    same: Estimate = NOT_MEASURED
    largest_difference: float | None = None
    note: str = ""


class Retention(Frozen):
    """Overfitting and forgetting of one training, measured through the engine that serves it.

    ``gap`` is the task's metric on training documents minus that on as many test documents, in the good
    direction. ``loss_rose`` says that the validation loss rose after its minimum; ``memorised`` that this is
    so and the gap is certainly larger than three points. ``nearest_minus_farthest`` compares the outer bands
    of ``by_similarity``. ``margin`` is the largest loss of a skill that counts as held.
    """

    metric: str
    train: Estimate
    test: Estimate
    gap: Estimate
    loss_rose: bool = False
    memorised: bool = False
    by_similarity: tuple[SimilarityBand, ...] = ()
    nearest_minus_farthest: Estimate = NOT_MEASURED
    counterfactuals: Counterfactuals = Counterfactuals()
    canaries: Canaries = Canaries()
    drift: tuple[Drift, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    margin: float = 0.05
    adapter_off: AdapterOff = AdapterOff()
