"""Hold the settings of a build in one frozen value, which is part of the build's key."""

from __future__ import annotations

from typing import Literal

from insource.dataset.rows.teacher_policy import NO_POLICY, TeacherPolicy
from insource.dataset.saved.sufficiency import DEFAULT_NEEDS, Needs
from insource.dataset.splits.assign import DEFAULT_FRACTIONS, GroupBy, Order, Plan
from insource.types import AbsentFields, FixDecision, Frozen, OutputSpec, ReviewDecision, Split

OnBadRows = Literal["error", "drop"]


class BuildSettings(Frozen):
    """Everything beside the rows that decides what a dataset contains.

    Every field is part of the build's key, so a new field rebuilds the datasets of all projects once.

    Attributes:
        name: the task's name, the first half of the folder's name.
        output: the contract of all answers; inferred from the rows when None.
        fractions: the size of each split that is not given, relative to train and the others missing.
        group_by, order: what stays together in one split, and whether the newest block is to judge.
        needs: what is to be decided, by which too small splits are named.
        absent_fields: ``null`` writes null for required nullable fields that a label leaves out.
        on_bad_rows: ``error`` refuses the source when any row is bad, ``drop`` leaves those rows out.
        decisions: which checks' fixes are applied; no fix is applied that is not accepted here.
        reviews: what reviewers decided about fields; applied before the fixes.
        policy: the terms that are kept with teachers' answers.
    """

    name: str
    output: OutputSpec | None = None
    fractions: dict[Split, float] = dict(DEFAULT_FRACTIONS)
    group_by: GroupBy = "auto"
    order: Order = "random"
    seed: int = 0
    needs: Needs = DEFAULT_NEEDS
    absent_fields: AbsentFields = "null"
    on_bad_rows: OnBadRows = "error"
    decisions: tuple[FixDecision, ...] = ()
    reviews: tuple[ReviewDecision, ...] = ()
    policy: TeacherPolicy = NO_POLICY

    @property
    def plan(self) -> Plan:
        """How the splits are made."""
        return Plan(self.fractions, self.group_by, self.order, self.seed)

    @property
    def accepted(self) -> tuple[str, ...]:
        """The checks whose fixes are applied."""
        return tuple(one.check for one in self.decisions if one.decision == "apply")
