"""Two local models, one after the other: the second is asked where the first is not sure enough."""

from __future__ import annotations

from collections.abc import Sequence

from insource.foundation.errors import InsourceError
from insource.models.protocol import Model, ModelInfo, Request
from insource.types import Completion, EvalRecord


def keep_from(records: Sequence[EvalRecord], max_error: float) -> float | None:
    """Return the confidence from which answers of the first stage are kept; None where none are.

    It is the lowest one at or above which at most ``max_error`` of the validation answers are wrong. That is
    an estimate: the policy is certified on what both stages answer together.
    """
    known = [one for one in records if one.confidence is not None and one.score is not None]
    ranked = sorted(known, key=lambda one: -(one.confidence or 0.0))
    best, wrong = None, 0
    for place, one in enumerate(ranked, 1):
        wrong += not (one.score is not None and one.score.exact and one.score.schema_valid)
        following = ranked[place].confidence if place < len(ranked) else None
        if following != one.confidence and wrong <= max_error * place:
            best = one.confidence
    return best


class StagedModel:
    """Answers by ``first`` where it is at least ``keep_from`` sure, else by ``second``.

    Both state the confidence of their answers. A second answer takes the time of both.
    """

    def __init__(self, first: Model, second: Model, keep_from: float) -> None:
        self._first = first
        self._second = second
        self._keep_from = keep_from
        self._info = ModelInfo(
            name=f"{first.info.name}, then {second.info.name}",
            local=first.info.local and second.info.local,
            simulated=first.info.simulated or second.info.simulated,
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    def generate(self, request: Request) -> Completion:
        """Return the answer of the stage that gave it.

        Raises:
            ProviderError: as the second model does.
        """
        try:
            first = self._first.generate(request)
        except InsourceError:
            return self._second.generate(request)
        sure = first.confidence
        if first.finish_reason == "stop" and sure is not None and sure >= self._keep_from:
            return first
        second = self._second.generate(request)
        seconds = [one.latency_s for one in (first, second) if one.latency_s is not None]
        return second.model_copy(update={"latency_s": sum(seconds) if seconds else None})
