"""What each document lost after each training, drawn anew for the band of a learning curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.estimators import mean, sampling_units
from insource.evaluation.metrics import document_value, estimate
from insource.foundation.rng import generator
from insource.stats.intervals import Floats, cluster_sums
from insource.stats.power_law import fit_power_laws
from insource.types import Estimate, EvalRecord

DRAWS = 1000
FEWEST_SIZES, FEWEST_DOCUMENTS = 4, 30
"""A power law has three parameters, and an interval of few documents says nothing of more."""


class Asked(NamedTuple):
    """The answers of a model that was trained on ``rows`` examples; ``order`` numbers the draw of them.

    ``labels`` counts those examples by label, for a task with labels.
    """

    rows: int
    order: int
    records: Sequence[EvalRecord]
    labels: Mapping[str, int] = {}


class Losses(NamedTuple):
    """The quality of each document after each training.

    ``rows`` has the examples of each size, increasing, ``trainings`` how many draws of them were trained on,
    ``quality`` the values, shape (sizes, draws, documents), NaN beyond the draws of a size.
    """

    metric: str
    rows: tuple[float, ...]
    trainings: tuple[int, ...]
    quality: Floats
    groups: tuple[str | None, ...]

    @property
    def documents(self) -> int:
        return len(self.groups)

    @property
    def rises(self) -> bool:
        """Whether a larger value is better."""
        return gain_sign(self.metric) > 0

    def errors(self) -> Floats:
        """Return the mean error of each draw, shape (sizes, draws)."""
        return self.as_error(self.quality.mean(axis=2))

    def as_error(self, quality: Floats) -> Floats:
        """Return the error of a quality; the function is its own inverse."""
        return 1 - quality if self.rises else quality

    def point(self, place: int) -> Estimate:
        """Estimate the quality after the trainings of one size."""
        values = np.nanmean(self.quality[place], axis=0)
        if self.trainings[place] == 1:
            return estimate(values.tolist(), self.groups, self.metric)
        shares = bool(((values >= 0) & (values <= 1)).all())
        return mean(values, sampling_units(self.groups), share=shares)

    def why_not(self) -> str:
        """Return why no curve can be fitted to this, empty when one can."""
        if self.documents < FEWEST_DOCUMENTS:
            return f"{self.documents} documents judge it; {FEWEST_DOCUMENTS} are needed"
        if len(self.rows) < FEWEST_SIZES:
            return f"{len(self.rows)} sizes were trained; three parameters need {FEWEST_SIZES}"
        values = self.quality[~np.isnan(self.quality)]
        if (values < 0).any() or (self.rises and (values > 1).any()):
            return f"{self.metric} is not a share between 0 and 1, so it has no error that falls to zero"
        last = self.errors()[-1, 0]
        if last == 0:
            return f"nothing is wrong after {self.rows[-1]:,.0f} examples, so no gain is left to see"
        if np.ptp(values) == 0:
            return "every document is as wrong after the most examples as after the fewest"
        return ""


def losses(
    asked: Sequence[Asked],
    metric: str,
    *,
    value: Callable[[EvalRecord], float | None] | None = None,
    rows: Callable[[Asked], int] = lambda one: one.rows,
) -> Losses:
    """Return the values of the documents that have one after every training.

    ``value`` is that of one document, ``metric`` unless given. ``rows`` counts the examples that matter; a
    size with no more of them than the one before is left out.
    """
    given = value or (lambda record: document_value(record, metric))
    sizes: dict[int, list[Asked]] = {}
    for one in sorted(asked, key=lambda one: (one.rows, one.order)):
        sizes.setdefault(one.rows, []).append(one)
    kept: list[tuple[float, list[Asked]]] = []
    for found in sizes.values():
        counted = sum(map(rows, found)) / len(found)
        if counted > (kept[-1][0] if kept else 0.0):
            kept.append((counted, found))
    return _table(metric, kept, given)


def _table(
    metric: str,
    sizes: Sequence[tuple[float, Sequence[Asked]]],
    value: Callable[[EvalRecord], float | None],
) -> Losses:
    columns = [
        {
            record.row_id: (record.group, found)
            for record in one.records
            if record.status != "unscored" and (found := value(record)) is not None
        }
        for _, trained in sizes
        for one in trained
    ]
    common = [row for row in columns[0] if all(row in column for column in columns)] if columns else []
    draws = max((len(trained) for _, trained in sizes), default=0)
    quality = np.full((len(sizes), draws, len(common)), np.nan)
    at = iter(columns)
    for place, (_, trained) in enumerate(sizes):
        for draw in range(len(trained)):
            column = next(at)
            quality[place, draw] = [column[row][1] for row in common]
    return Losses(
        metric=metric,
        rows=tuple(rows for rows, _ in sizes),
        trainings=tuple(len(trained) for _, trained in sizes),
        quality=quality,
        groups=tuple(columns[0][row][0] for row in common) if columns else (),
    )


class Drawn(NamedTuple):
    """The mean error of each size, shape (sizes,), and its bootstrap draws, shape (draws, sizes)."""

    observed: Floats
    draws: Floats
    method: str
    note: str


def drawn(found: Losses, seed: int, name: str) -> Drawn:
    """Draw the documents anew, by group where they share groups, and the training examples with them.

    The spread between trainings on other examples is pooled over the sizes. With one training a size it is
    taken from the residuals of the fit.
    """
    rng = generator(seed, f"decision.sufficiency.{name}")
    means = np.nanmean(found.as_error(found.quality), axis=1)
    units = sampling_units(found.groups)
    clusters = units.clusters or tuple(map(str, range(found.documents)))
    sums = np.array([cluster_sums(one, clusters) for one in means])
    sizes = cluster_sums(np.ones(found.documents), clusters)
    weights = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=DRAWS)
    draws = (weights @ sums.T) / (weights @ sizes)[:, None]
    observed = means.mean(axis=1)
    trainings = np.array(found.trainings)
    if (several := trainings > 1).any():
        variance = float(np.mean(np.nanvar(found.errors()[several], axis=1, ddof=1)))
        method = f"bootstrap of documents and of up to {trainings.max()} draws of the examples"
    else:
        law = fit_power_laws(found.rows, observed)
        left = observed - np.array([law.at(rows)[0] for rows in found.rows])
        variance = float(np.sum(left**2)) / max(len(observed) - 3, 1)
        method = "bootstrap of documents; one training a size, its spread from the residuals"
    draws = draws + rng.standard_normal(draws.shape) * np.sqrt(variance / trainings)
    return Drawn(observed, draws, method, units.note)
