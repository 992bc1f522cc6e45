"""When a model is made again, and what became of it."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen
from insource.types.comparison import Slices
from insource.types.estimate import NOT_MEASURED, Estimate
from insource.types.evaluation import Comparison
from insource.types.sufficiency import Queued

TriggerName = Literal["drift", "examples", "schema", "calendar", "base", "asked"]
Step = Literal["begun", "collected", "made", "judged", "done"]
Outcome = Literal["", "promoted", "passed", "kept", "nothing new"]
"""``promoted``: the challenger is on the ladder. ``passed``: it may be, and waits for a person."""


class Trigger(Frozen):
    """A reason to make the model again: whether it is ``due``, and why or why not."""

    name: TriggerName
    due: bool
    reason: str
    evidence: dict[str, float | int | str] = {}


class Collected(Frozen):
    """What the log gave: rows in the file, by who stands behind their label, and why calls gave none.

    ``new`` rows are about documents that the source does not have.
    """

    rows: int = 0
    corrected: int = 0
    by_cloud: int = 0
    left_out: dict[str, int] = {}


class Ruling(Frozen):
    """Whether a challenger goes on to the ladder, and why or why not, in a sentence.

    ``sealed`` compares it with the champion on the test documents of the champion's own dataset, ``fresh`` on
    those that came since. Both are corrected for each other. ``learned`` test documents are left out, because
    the champion was made from them.
    """

    passes: bool
    reason: str
    sealed: Comparison | None = None
    fresh: Comparison | None = None
    slices: Slices | None = None
    learned: int = 0
    looks: int = 0
    notes: tuple[str, ...] = ()


class CycleCost(Frozen):
    """What one cycle took: machine time, electricity, paid answers, and labels that people gave for it."""

    seconds: float = 0.0
    machine_usd: float = 0.0
    cloud_usd: float = 0.0
    labels: int = 0
    label_hours: float = 0.0
    label_usd: float = 0.0

    @property
    def usd(self) -> float:
        """All of it."""
        return self.machine_usd + self.cloud_usd + self.label_usd


class Cycle(Frozen):
    """One retraining, as far as it is: ``step`` is the last that is finished, times are ISO 8601.

    ``champion`` and ``challenger`` are run ids, ``champion_base`` and ``base`` what they are trained from;
    ``dataset`` is the folder of the new dataset.
    """

    schema_version: Literal[1] = 1
    cycle_id: str
    task: str
    started_at: str
    finished_at: str = ""
    step: Step = "begun"
    triggers: tuple[Trigger, ...]
    champion: str
    champion_base: str
    base: str
    collected: Collected | None = None
    dataset: str = ""
    challenger: str = ""
    ruling: Ruling | None = None
    outcome: Outcome = ""
    reason: str = ""
    cost: CycleCost = CycleCost()


class RetrainPlan(Frozen):
    """What a cycle would do and cost, without doing it."""

    task: str
    champion: str
    base: str
    triggers: tuple[Trigger, ...]
    collected: Collected
    rows: int
    seconds: Estimate = NOT_MEASURED
    machine_usd: Estimate = NOT_MEASURED
    cloud_usd: Estimate = NOT_MEASURED
    to_label: int = 0
    label_hours: float = 0.0
    label_usd: float = 0.0
    resumes: str = ""
    stops: tuple[str, ...] = ()
    sentence: str = ""


class Mined(Frozen):
    """The documents to label next, from the failures of the champion, and what labelling them takes."""

    queue: Queued
    label_hours: float
    label_usd: float
