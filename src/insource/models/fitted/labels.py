"""A fitted classifier of texts: linear models on n-grams, on sentence embeddings or on both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from insource.foundation.files import write_json
from insource.models.arrays import read_arrays
from insource.models.embeddings.minilm import embed
from insource.models.fitted.ngrams import Ngrams
from insource.models.fitted.protocol import Answer

Floats = npt.NDArray[np.float32]

FILE, ARRAYS = "labels.json", "labels.npz"
NGRAMS, EMBEDDING = "ngrams", "embedding"
LIKELIEST = 20
"""How many labels an answer states probabilities of."""


class Linear(NamedTuple):
    """A linear model on one representation of a text.

    ``weights`` has shape (features, labels), ``intercept`` (labels,). Scores are divided by ``temperature``
    before the softmax. ``ngrams`` is None for sentence embeddings.
    """

    weights: Floats
    intercept: Floats
    temperature: float
    ngrams: Ngrams | None

    def log_probabilities(self, text: str, embedding: Floats | None) -> Floats:
        """Return the log-probability of each label, shape (labels,)."""
        if self.ngrams is not None:
            columns, values = self.ngrams.weigh(text)
            scores = values @ self.weights[columns] + self.intercept
        else:
            assert embedding is not None
            scores = embedding @ self.weights + self.intercept
        return log_softmax(scores / self.temperature)


def log_softmax(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the logarithm of the softmax over the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    found: npt.NDArray[Any] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return found


class OutOfScope(NamedTuple):
    """When a text belongs to none of the labels.

    Its familiarity is ``nearest`` times the largest cosine to a row in scope (``rows``, shape (n,
    dimensions)) plus ``likeliest`` times the largest log-probability of a label. Below ``threshold``, the
    answer is ``label``. Its probability is 1 / (1 + exp(familiarity − threshold)) where ``calibrated``;
    without rows out of scope, nothing is known of it.
    """

    label: str
    nearest: float
    likeliest: float
    threshold: float
    calibrated: bool
    rows: Floats | None

    def familiarity(self, log_probabilities: Floats, embedding: Floats | None) -> float:
        found = self.likeliest * float(log_probabilities.max())
        if self.rows is not None and embedding is not None:
            found += self.nearest * float((self.rows @ embedding).max())
        return found


class LabelModel:
    """Answers the likeliest label with its calibrated probability.

    With two linear models, their log-probabilities are averaged and divided by ``temperature``.
    """

    kind: ClassVar[str] = "labels"

    def __init__(
        self,
        labels: Sequence[str],
        parts: Sequence[Linear],
        temperature: float = 1.0,
        out_of_scope: OutOfScope | None = None,
    ) -> None:
        self.labels = tuple(labels)
        self._parts = tuple(parts)
        self._temperature = temperature
        self._out_of_scope = out_of_scope
        self.embeds = any(part.ngrams is None for part in parts)

    def answer(self, document: str, attributes: Sequence[str] | None = None) -> Answer:
        """Answer one document. ``label_probabilities`` has the ``LIKELIEST`` labels, likeliest first."""
        embedding = embed([document])[0] if self.embeds else None
        each = [part.log_probabilities(document, embedding) for part in self._parts]
        logs = log_softmax(np.mean(each, axis=0) / self._temperature)
        order = np.argsort(-logs, kind="stable")[:LIKELIEST]
        probabilities = {self.labels[index]: float(np.exp(logs[index])) for index in order}
        if self._out_of_scope is not None:
            return _in_or_out(
                self._out_of_scope, self._out_of_scope.familiarity(logs, embedding), probabilities
            )
        label = next(iter(probabilities))
        return Answer(label, probabilities[label], label_probabilities=probabilities)

    def save(self, folder: Path) -> None:
        arrays: dict[str, Any] = {}
        parts = []
        for number, part in enumerate(self._parts):
            arrays |= {f"weights_{number}": part.weights, f"intercept_{number}": part.intercept}
            if part.ngrams is not None:
                arrays[f"idf_{number}"] = part.ngrams.idf
            vocabulary = None if part.ngrams is None else part.ngrams.vocabulary
            parts.append({"temperature": part.temperature, "vocabulary": vocabulary})
        out = self._out_of_scope
        if out is not None and out.rows is not None:
            arrays["rows"] = out.rows.astype(np.float16)
        np.savez_compressed(folder / ARRAYS, **arrays)
        stated = None if out is None else {k: v for k, v in out._asdict().items() if k != "rows"}
        document = {
            "labels": self.labels,
            "temperature": self._temperature,
            "parts": parts,
            "out_of_scope": stated,
        }
        write_json(folder / FILE, document)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the model.

        Raises:
            PrerequisiteError: it uses sentence embeddings, and they are not there (``embed``).
        """
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        arrays = read_arrays(folder / ARRAYS)
        parts = [_part(number, stated, arrays) for number, stated in enumerate(document["parts"])]
        out = document["out_of_scope"]
        if out is not None:
            rows = arrays["rows"].astype(np.float32) if "rows" in arrays else None
            out = OutOfScope(**out, rows=rows)
        model = cls(document["labels"], parts, document["temperature"], out)
        if model.embeds:
            embed([])  # what is missing is said when the model is opened, not at the first answer
        return model


def _part(number: int, stated: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Linear:
    vocabulary = stated["vocabulary"]
    return Linear(
        weights=arrays[f"weights_{number}"],
        intercept=arrays[f"intercept_{number}"],
        temperature=stated["temperature"],
        ngrams=None if vocabulary is None else Ngrams(vocabulary, arrays[f"idf_{number}"]),
    )


def _in_or_out(out: OutOfScope, familiarity: float, probabilities: dict[str, float]) -> Answer:
    """Return the answer where a text may belong to none of the labels."""
    likeliest = next(iter(probabilities))
    answer = out.label if familiarity < out.threshold else likeliest
    if not out.calibrated:
        known = probabilities if answer != out.label else {}
        return Answer(answer, known.get(answer), label_probabilities=known)
    outside = float(1 / (1 + np.exp(np.clip(familiarity - out.threshold, -50, 50))))
    every = {label: (1 - outside) * p for label, p in probabilities.items()} | {out.label: outside}
    ordered = dict(sorted(every.items(), key=lambda item: -item[1])[:LIKELIEST])
    return Answer(answer, every[answer], label_probabilities=ordered)
