"""A second look at a doubtful answer: the local model is asked once more, at another temperature.

What it says again is more likely right. Only answers in the grey zone are looked at twice, because the others
are served or escalated anyway. How agreement changes a confidence is fixed here beforehand, so that a policy
may be certified on the changed confidences.
"""

from __future__ import annotations

from collections.abc import Callable

from insource.contract.answers import read_answer
from insource.foundation.errors import InsourceError
from insource.models.protocol import Model, ModelInfo, Request
from insource.routing.ways.agreement import agree
from insource.routing.ways.partial import field_of, fields_of
from insource.types import Completion, JsonSchema, OutputSpec
from insource.types.ways import GreyZone

TEMPERATURE, SEED = 0.7, 1
HALF = 0.5
"""An agreement takes half of the doubt away, a disagreement half of the confidence."""


def in_grey_zone(sure: float | None, zone: GreyZone) -> bool:
    """Return whether an answer with this confidence is looked at twice; the upper end is not in the zone."""
    return sure is not None and zone[0] <= sure < zone[1]


def second_request(request: Request) -> Request:
    """Return the request for the second look."""
    return request.model_copy(update={"temperature": TEMPERATURE, "seed": request.seed + SEED})


def looked_again(first: Completion, second: Completion, output: OutputSpec) -> Completion:
    """Return the first answer with the confidences that the second one leaves it, and the time of both.

    A field agrees when both answers have the same value there; a field's confidences change together.
    """
    sure = first.confidence
    fields = dict(first.field_confidences)
    if isinstance(output, JsonSchema) and fields:
        names = fields_of(output)
        same = _same_fields(first, second, output)
        fields = {path: _changed(p, field_of(path, names) in same) for path, p in fields.items()}
    seconds = [one.latency_s for one in (first, second) if one.latency_s is not None]
    return first.model_copy(
        update={
            "confidence": None if sure is None else _changed(sure, agree(first.text, second.text, output)),
            "field_confidences": fields,
            "latency_s": sum(seconds) if seconds else None,
        }
    )


class SecondLookModel:
    """Asks a model twice where its first answer is in the grey zone; ``judge`` states how sure it is."""

    def __init__(
        self, model: Model, judge: Callable[[Completion], Completion], zone: GreyZone, output: OutputSpec
    ) -> None:
        self._model = model
        self._judge = judge
        self._zone = zone
        self._output = output

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def generate(self, request: Request) -> Completion:
        """Return the first answer. A second look that fails leaves it as doubtful as it is.

        Raises:
            ProviderError: as the model does.
        """
        first = self._judge(self._model.generate(request))
        if first.finish_reason != "stop" or not in_grey_zone(first.confidence, self._zone):
            return first
        try:
            second = self._model.generate(second_request(request))
        except InsourceError:
            return first
        return looked_again(first, second, self._output)


def _changed(sure: float, agreed: bool) -> float:
    return sure + (1 - sure) * HALF if agreed else sure * HALF


def _same_fields(first: Completion, second: Completion, output: JsonSchema) -> frozenset[str]:
    left, right = (read_answer(one.text, output).value for one in (first, second))
    if not isinstance(left, dict) or not isinstance(right, dict):
        return frozenset()
    return frozenset(name for name in fields_of(output) if left.get(name) == right.get(name))
