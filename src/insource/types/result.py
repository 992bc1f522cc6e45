"""The result document of a run: `insource run --json` prints it and the report renders it."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.ceiling import NoiseCeiling
from insource.types.certified import Certified
from insource.types.choice import Choice
from insource.types.comparison import BreakPoint, Registration, Slices
from insource.types.confidence import ConfidenceSummary
from insource.types.dataset import DatasetManifest
from insource.types.decided import Decision
from insource.types.decision import BreakEven, Verdict
from insource.types.error_mix import ErrorMix
from insource.types.estimate import NOT_MEASURED, Estimate
from insource.types.evaluation import Comparison, Disagreement, Evaluation
from insource.types.gold import GoldSource
from insource.types.handicap import Fairness
from insource.types.retention import Retention
from insource.types.routing import Policy, ServedShare
from insource.types.step_ladder import StepLadder
from insource.types.ways import FieldPolicy, GreyZone


class TrainingPoint(Frozen):
    """One logged point of the training curve; ``tokens`` is cumulative.

    ``task_metric`` is the task's metric of the checkpoint of this step, on validation documents.
    """

    step: int
    epoch: float
    loss: float | None = None
    validation_loss: float | None = None
    learning_rate: float | None = None
    tokens: int = 0
    tokens_per_s: float | None = None
    task_metric: Estimate | None = None


class SweepTrial(Frozen):
    """One setting of the mini-sweep, trained on ``rows`` rows. ``score`` is the task's metric on validation.

    ``training_s``, ``starting_s`` and ``answering_s`` are the seconds of its training, of the start of the
    engine, and of the answers.
    """

    rung: int
    learning_rate: float
    batch_size: int
    rows: int
    validation_loss: float | None
    score: Estimate | None = None
    training_s: float = 0.0
    starting_s: float = 0.0
    answering_s: float = 0.0


class TrainingSummary(Frozen):
    """The training result: the curve, the chosen checkpoint and the reason training stopped.

    ``seconds``, ``tokens_per_s`` and ``peak_memory_bytes`` (0: not measured) describe the last attempt when
    training was interrupted. ``metric`` is
    the task's metric that chose the checkpoint, empty when the validation loss did; ``score`` is its value
    there. ``gap`` is the validation loss minus the training loss at the chosen step, ``overfitting`` a
    sentence when the run overfits. ``trials`` are those of the mini-sweep. ``chosen_on`` are the row ids of
    the validation documents that chose the checkpoint. ``forced`` are the checks before training that failed
    and that ``--force`` overrode. ``compact_answers``: the model writes values without their keys. Planned
    memory and time are 0 where they are not known.
    """

    base_model: str
    examples: int
    steps: int
    planned_steps: int
    epochs: float
    tokens: int
    tokens_per_s: float
    best_step: int
    best_validation_loss: float | None
    stopped: str
    longest_answer_tokens: int = 0
    choices: tuple[tuple[str, str, str], ...] = ()
    curve: tuple[TrainingPoint, ...] = ()
    seconds: float = 0.0
    metric: str = ""
    score: Estimate | None = None
    gap: Estimate | None = None
    overfitting: str = ""
    trials: tuple[SweepTrial, ...] = ()
    chosen_on: tuple[str, ...] = ()
    method: str = "lora"
    compact_answers: bool = False
    planned_memory_bytes: int = 0
    peak_memory_bytes: int = 0
    forced: tuple[str, ...] = ()


class ParitySummary(Frozen):
    """Whether the served model gives the same answers as the trained one.

    ``exact`` is the share of prompts whose whole answer is the same, ``first_difference`` the earliest token
    at which two answers part.
    """

    prompts: int
    tokens: int
    token_agreement: float
    mean_logprob_difference: float
    prompt_tokens_equal: bool
    passed: bool
    sentence: str
    exact: Estimate = NOT_MEASURED
    first_difference: int | None = None


class RoutedCall(Frozen):
    """One call through the running gateway, read back from the log."""

    call_id: str
    row_id: str
    to: Literal["local", "cloud"]
    model: str
    reason: str
    confidence: float | None
    simulated: bool
    answer: str


class RoutingSummary(Frozen):
    """The routing policy, what it is certified for and about, what it did on test, and routed calls.

    Results of older versions have no ``confidence``: their policy is about the one that the model states; nor
    have they ``certified``. ``fields`` is the policy for single fields, ``second_look`` the confidences of
    answers that are looked at twice, where they are configured.
    """

    policy: Policy
    served: tuple[ServedShare, ...] = ()
    fields: FieldPolicy | None = None
    second_look: GreyZone | None = None
    certified: Certified | None = None
    calls: tuple[RoutedCall, ...] = ()
    confidence: ConfidenceSummary | None = None


class StageRun(Frozen):
    """One stage of the run: its folder, digest and duration.

    ``skipped`` means a complete earlier run was reused.
    """

    stage: str
    run_id: str
    digest: str
    seconds: float
    skipped: bool = False
    path: str = ""


class Served(Frozen):
    """What answers for the chosen arm outside the evaluation.

    ``kind``: ``engine`` is the local engine with the exported adapter, ``fitted`` a fitted model that needs
    no engine, ``prompted`` a base model with the prompt in its folder, ``hybrid`` is made of ``parts``, of
    which ``source`` names the one that answers a field; the first answers the others. ``staged`` asks its
    second part where the first is less than ``keep_from`` sure. ``model`` is the name under which it answers.
    ``folder`` has its files, relative to the folder of all runs; empty for the
    engine, whose adapter is in ``RunResult.paths``.
    """

    arm: str
    model: str
    kind: Literal["engine", "fitted", "prompted", "hybrid", "staged"] = "engine"
    folder: str = ""
    parts: tuple[Served, ...] = ()
    source: dict[str, int] = {}
    keep_from: float = 0.0


class RunResult(Frozen):
    """The versioned results of a run; the report is rendered from this document alone.

    ``test_looks`` counts the evaluations of the sealed test split, including this run. ``skipped_arms``
    gives, for each arm that was not measured, the reason. ``choice`` says how the candidate was chosen,
    ``registration`` what was written down before the test split was read, and
    ``served`` what answers for it; in results without it, that is the tuned model. ``step_ladder`` says what
    each smaller form of the tuned model costs, ``retention`` what it memorised and forgot, where they were
    measured. ``decision`` has the ranked options and their whole economics; ``break_even`` is a first look
    that leaves out what is paid once, audits and retraining.

    Examples:
        Read the ``result.json`` of a run folder:

        >>> from pathlib import Path
        >>> from insource import RunResult
        >>> result = RunResult.model_validate_json(Path("result.json").read_text())
        >>> result.verdict.outcome
        'go'
        >>> [evaluation.arm.name for evaluation in result.evaluations]
        ['tuned', 'base constrained', 'base', 'cloud']
    """

    schema_version: int = 1
    insource_version: str
    run_id: str
    task: str
    title: str
    started_at: str
    finished_at: str
    command: str
    seed: int
    machine: str
    verdict: Verdict
    dataset: DatasetManifest
    training: TrainingSummary | None = None
    parity: ParitySummary | None = None
    choice: Choice | None = None
    registration: Registration | None = None
    slices: Slices | None = None
    added: Slices | None = None
    break_points: tuple[BreakPoint, ...] = ()
    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]
    fairness: dict[str, Fairness] = {}
    error_mixes: tuple[ErrorMix, ...] = ()
    gold: GoldSource | None = None
    ceiling: NoiseCeiling | None = None
    break_even: BreakEven
    decision: Decision | None = None
    routing: RoutingSummary | None = None
    served: Served | None = None
    servable: tuple[Served, ...] = ()
    step_ladder: StepLadder | None = None
    retention: Retention | None = None
    disagreements: tuple[Disagreement, ...] = ()
    skipped_arms: dict[str, str] = {}
    instruction: str = ""
    base_digest: str = ""
    max_new_tokens: int = 0
    test_looks: int
    stages: tuple[StageRun, ...]
    paths: dict[str, str]
    digests: dict[str, str]
    packages: dict[str, str] = {}
