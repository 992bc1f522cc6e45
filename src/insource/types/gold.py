"""Who stands behind the labels of a measurement."""

from __future__ import annotations

from typing import Literal

from insource.types.base import Frozen


class GoldSource(Frozen):
    """What a figure on these documents is: *accuracy*, or *agreement* with the models that labelled them.

    ``people`` counts the documents whose label people gave or checked, ``teachers`` those that a model
    labelled, by its name. One label of a model makes the whole figure an agreement.
    """

    kind: Literal["accuracy", "agreement"]
    people: int
    teachers: dict[str, int] = {}

    @property
    def sentence(self) -> str:
        if self.kind == "accuracy":
            return f"People stand behind the labels of all {self.people:,} documents."
        models, total = sum(self.teachers.values()), self.people + sum(self.teachers.values())
        named = " and ".join(self.teachers)
        return (
            f"The labels of {models:,} of {total:,} documents are answers of {named} that nobody checked: "
            "the figures say how far an arm agrees with them, not how often it is right."
        )
