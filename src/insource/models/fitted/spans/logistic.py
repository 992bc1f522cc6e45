"""A small logistic model over dense features, as numbers in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Logistic:
    """``coefficients`` (classes × features) and ``intercepts`` give the scores of ``classes``."""

    classes: tuple[int, ...]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the softmax of the scores, one row for each row of ``features``."""
        scores = features @ self.coefficients.T + self.intercepts
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def of_class(self, features: NDArray[np.float64], label: int) -> NDArray[np.float64]:
        """Return the probability of one class, 0 where the model does not know it."""
        if label not in self.classes:
            return np.zeros(len(features))
        return self.probabilities(features)[:, self.classes.index(label)]

    def to_json(self) -> dict[str, Any]:
        """Return the model as JSON values."""
        return {
            "classes": list(self.classes),
            "coefficients": self.coefficients.tolist(),
            "intercepts": self.intercepts.tolist(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what ``to_json`` wrote."""
        return cls(tuple(value["classes"]), np.array(value["coefficients"]), np.array(value["intercepts"]))
