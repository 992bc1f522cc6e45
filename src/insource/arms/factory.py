"""What an arm says of itself: kind, role, needs, and how its plans are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from insource.arms.local import Local
from insource.arms.paid.plans import Pay
from insource.config.evaluation import EvaluationSection
from insource.config.reference import ReferenceSection
from insource.evaluation.plan import ArmPlan
from insource.evaluation.run import Confidence
from insource.runs.folders import RunStore
from insource.types import Dataset, Estimate, Example, Task, TrainingSummary
from insource.types.evaluation import Role


class CloudPrice(NamedTuple):
    """What 1,000 documents cost in the cloud, in USD; None when unknown. ``basis`` is the figure's source."""

    per_1000_usd: float | None
    basis: str


class ArmInputs(NamedTuple):
    """What arms are made from.

    ``test`` are the documents that every arm is asked about. ``few`` is a fixed sample of them, for arms
    that are slow; the one that is chosen is asked about all. ``price`` gives what a cloud model costs.
    ``runs`` keeps what is fitted. ``settings`` is the section ``[evaluation]``. ``best_expected`` is the best
    expected figure of the arms that were fitted before; a slow arm that cannot reach it stops early.
    ``reference`` says which models may be asked for money, and ``pay`` asks them; None: nothing is bought.
    ``local``, ``confidence`` and ``training`` come with the trained model: before it is
    trained, ``local`` is None.
    """

    task: Task
    dataset: Dataset
    test: tuple[Example, ...]
    few: tuple[Example, ...]
    local: Local | None
    confidence: Confidence
    price: Callable[[str], CloudPrice]
    runs: RunStore
    progress: Callable[[str, float, float], None] = lambda text, done, total: None
    settings: EvaluationSection = EvaluationSection()
    best_expected: Estimate | None = None
    reference: ReferenceSection = ReferenceSection()
    pay: Pay | None = None
    training: TrainingSummary | None = None

    @property
    def engine(self) -> Local:
        """The local engine's part.

        Raises:
            ValueError: no model is trained yet.
        """
        if self.local is None:
            raise ValueError("the arms behind the local engine come after training")
        return self.local


class ArmNeeds(NamedTuple):
    """What an arm cannot do without.

    ``extra`` is the name of an extra and ``module`` a module that it brings. ``rows`` is the least number
    of training rows, ``answers`` that of different targets among them. ``outputs`` are the kinds of output
    contract that the arm can answer. ``configured`` returns the reason why the configuration does not ask for
    the arm, empty when it does. ``unavailable`` returns any other reason; it is asked last, because it may
    fetch weights.
    """

    extra: str = ""
    module: str = ""
    cloud_answers: bool = False
    rows: int = 0
    answers: int = 0
    outputs: tuple[str, ...] = ("json", "labels", "text")
    configured: Callable[[ArmInputs], str] = lambda inputs: ""
    unavailable: Callable[[ArmInputs], str] = lambda inputs: ""

    def missing(self, inputs: ArmInputs) -> str:
        """Return the reason why the arm cannot be run on these inputs, empty when it can."""
        if reason := self.configured(inputs):
            return reason
        if self.module and find_spec(self.module) is None:
            return f"it needs the extra `{self.extra}`: pip install 'insource[{self.extra}]'"
        if self.cloud_answers and not inputs.dataset.manifest.cloud_models:
            return (
                "no cloud answers in the rows (`cloud_outputs`) and no cloud model asked; nothing is "
                "simulated in its place"
            )
        kind = inputs.task.output.kind
        if kind not in self.outputs:
            return f"it answers {' or '.join(self.outputs)}, and this task asks for {kind}"
        rows = len(inputs.dataset.splits["train"])
        if rows < self.rows:
            return f"it needs {self.rows:,} training rows, and there are {rows:,}"
        targets = {example.target for example in inputs.dataset.splits["train"]} - {inputs.task.out_of_scope}
        if len(targets) < self.answers:
            return f"it needs training rows with {self.answers:,} answers, and they have {len(targets):,}"
        return self.unavailable(inputs)


class ArmFactory(NamedTuple):
    """One file of arms: ``kind`` names it, ``plans`` makes what is evaluated, in report order.

    ``early`` says that its plans need no language model of this machine: they are made, and their expected
    figures shown, before one is trained. ``paid`` says that they need money instead: a person is asked before
    the training. ``verify`` raises for a mistake in the configuration that would
    otherwise show after the training; it gets inputs whose ``local`` may be None.
    """

    kind: str
    role: Role
    plans: Callable[[ArmInputs], Sequence[ArmPlan]]
    needs: ArmNeeds = ArmNeeds()
    early: bool = False
    paid: bool = False
    verify: Callable[[ArmInputs], None] = lambda inputs: None

    def make(self, inputs: ArmInputs) -> tuple[ArmPlan, ...]:
        """Return the plans.

        Raises:
            ValueError: an arm states another role than its factory.
        """
        made = tuple(self.plans(inputs))
        for plan in made:
            if plan.arm.role != self.role:
                raise ValueError(f"{plan.arm.name} is a {plan.arm.role}, its factory makes a {self.role}")
        return made

    def why_not(self, inputs: ArmInputs) -> str:
        """Return the reason why nothing of this kind is measured, empty when it is."""
        missing = self.needs.missing(inputs)
        return f"not measured: {missing}" if missing else ""
