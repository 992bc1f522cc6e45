"""The learned confidence of a task: kept as JSON, read back where its answers are served."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from insource.contract.answers import read_answer
from insource.foundation.canonical import digest
from insource.foundation.errors import DataError
from insource.routing.fields.agreement import agreement
from insource.routing.fields.calibration import Calibration
from insource.routing.fields.features import FEATURES, features_of, read, standardised
from insource.routing.fields.habits import WHOLE, Habits, values_of
from insource.routing.fields.novelty import KnownText
from insource.types import Completion, Frozen, JsonSchema, OutputSpec

FILE = "confidence.json"
SCHEMA_VERSION = 1


class FieldConfidence(Frozen):
    """A linear score of each field's features, and the curves from it to probabilities.

    ``weights`` are those of ``features``, after each has lost its ``center`` and was divided by its
    ``scale``; ``by_field`` is added for a known field. ``answer`` is the curve from the sum of the logarithms
    of its fields' probabilities to that of the whole answer; None where the product stands for it.

    ``documents`` says how many answers of each split it was fitted on: ``validation``, and ``calibration``
    (those that do not certify).
    ``labels`` counts them by what says that a field is right: ``gold`` (people) or ``agreement`` (a model).
    ``fields`` of these answers were seen, ``wrong`` of them wrong. ``second_look`` is the arm whose answer is
    compared with each answer, empty for none.
    """

    schema_version: int = SCHEMA_VERSION
    task: str
    arm: str
    second_look: str = ""
    documents: dict[str, int]
    labels: dict[str, int]
    fields: int
    wrong: int
    learner: str
    features: tuple[str, ...] = FEATURES
    center: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    by_field: dict[str, float] = {}
    calibration: Calibration
    answer: Calibration | None = None
    known: KnownText
    habits: Habits

    @cached_property
    def digest(self) -> str:
        """What names this confidence, beside the policy that was fitted on it."""
        return digest(self.model_dump(mode="json"))

    @cached_property
    def _moves(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.array(self.center), np.array(self.scale)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.array(self.weights)

    def scores(self, rows: Sequence[Sequence[float]], paths: Sequence[str]) -> NDArray[np.float64]:
        """Return the score of each field, from its features by ``features_of``."""
        own = np.array([self.by_field.get(path, 0.0) for path in paths])
        return np.asarray(standardised(np.array(rows), *self._moves) @ self._weights + own + self.intercept)

    def whole(self, sures: Sequence[float]) -> float:
        """Return the probability that an answer is right: at most that of its most doubtful field."""
        together = sum(map(math.log, sures))
        found = math.exp(together) if self.answer is None else float(self.answer.of([together])[0])
        return min([found, *sures])

    def stated(
        self,
        document: str,
        completion: Completion,
        output: OutputSpec,
        second: Completion | None = None,
    ) -> Completion:
        """Return an answer with its learned confidence, and that of each of its fields.

        An answer stays as it is where nothing measured how sure it is: a missing log-probability is no
        evidence. So does one that was cut, or that is not what the contract asks for. ``second`` is the
        answer of ``second_look`` to the same document; without it, an answer that has to be compared with it
        has no confidence.
        """
        answer = read_answer(completion.text, output)
        if completion.confidence is None or completion.finish_reason == "length" or not answer.parsed:
            return completion
        if self.second_look and second is None:
            return completion.model_copy(update={"confidence": None, "field_confidences": {}})
        value: Any = answer.value if isinstance(output, JsonSchema) else completion.text
        fields = values_of(value, output)
        if not fields:
            return completion
        agrees = agreement(value, second, output) if self.second_look and second is not None else None
        reading = read(document, self.known.novelty(document))
        rows = features_of(fields, completion, reading, self.habits, agrees)
        paths = [field.path for field in fields]
        sures = self.calibration.of(self.scores(rows, paths)).tolist()
        named = {path: sure for path, sure in zip(paths, sures, strict=True) if path != WHOLE}
        return completion.model_copy(update={"confidence": self.whole(sures), "field_confidences": named})


def load(path: Path) -> FieldConfidence:
    """Read a learned confidence.

    Raises:
        DataError: ``confidence-unreadable`` for a damaged file, or one of another version.
    """
    try:
        found = FieldConfidence.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise _unreadable(path, str(error)) from error
    if found.schema_version != SCHEMA_VERSION or found.features != FEATURES:
        raise _unreadable(path, f"it has version {found.schema_version} or other features")
    return found


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        "confidence-unreadable",
        f"The learned confidence {path} cannot be used: {why}",
        hint="Fit it again, with its policy: insource run",
    )
