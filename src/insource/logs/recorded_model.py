"""A model whose every call is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from insource.foundation.errors import InsourceError
from insource.logs.call_values import CallEnd, CallStart
from insource.logs.recorder import Recorder
from insource.models.protocol import Model, ModelInfo, Request
from insource.providers.price_bound import Price
from insource.types import Completion
from insource.types.call import Outcome

CERTAINTY = {"confidence", "field_confidences", "label_probabilities", "field_evidence"}
"""What a completion says of its own certainty: it is kept as the answer document of a recorded model."""


class RecordedModel:
    """A model whose every call is recorded, including failures.

    ``price`` returns the cost from model name, usage and start time; without it the cost is unknown.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from insource import Log, Message, RecordedModel, Recorder, Request
        >>> from insource.models.replay import ReplayModel
        >>> question = (Message(role="user", content="Rated voltage: 480 V"),)
        >>> model = ReplayModel("cloud", {question: "480 V"})
        >>> with TemporaryDirectory() as folder:
        ...     with Recorder.open(Path(folder)) as recorder:
        ...         recorded = RecordedModel(model, recorder, "specs")
        ...         recorded.generate(Request(messages=question, max_tokens=8)).text
        ...     with Log(folder) as log:
        ...         [(call.task, call.model_asked) for call in log.calls()]
        '480 V'
        [('specs', 'cloud')]
    """

    def __init__(
        self,
        model: Model,
        recorder: Recorder,
        task: str,
        *,
        price: Price | None = None,
        tags: Mapping[str, str] | None = None,
        source: str = "recorder",
    ) -> None:
        self._source = source
        self._model = model
        self._recorder = recorder
        self._task = task
        self._price = price
        self._tags = dict(tags or {})

    @property
    def info(self) -> ModelInfo:
        return self._model.info

    def tagged(self, **tags: str) -> RecordedModel:
        """Return the same model with further tags on its calls, such as ``row_id``."""
        return RecordedModel(
            self._model,
            self._recorder,
            self._task,
            price=self._price,
            tags=self._tags | tags,
            source=self._source,
        )

    def generate(self, request: Request) -> Completion:
        """Call the model's ``generate``; the call is recorded when this returns or raises."""
        info = self._model.info
        recording = self._recorder.begin_call(
            CallStart(
                request={"model": info.name, **request.model_dump(mode="json", exclude_none=True)},
                model_asked=info.name,
                task=self._task,
                tags=self._tags,
                source=self._source,
                simulated=info.simulated,
            )
        )
        try:
            completion = self._model.generate(request)
        except BaseException as error:
            outcome: Outcome = "error" if isinstance(error, Exception) else "interrupted"
            kind = error.code if isinstance(error, InsourceError) else type(error).__name__
            recording.end_call(CallEnd(outcome=outcome, error=f"{kind}: {error}"))
            raise
        recording.end_call(
            CallEnd(
                response_text=completion.text,
                response=completion.model_dump(include=CERTAINTY, exclude_defaults=True) or None,
                finish_reason=completion.finish_reason,
                model_answered=completion.model or info.name,
                usage=completion.usage,
                cost_usd=self._cost(completion, recording.started_at),
                latency_s=completion.latency_s,
            )
        )
        return completion

    def _cost(self, completion: Completion, at: datetime) -> Decimal | None:
        if self._price is None:
            return None
        asked = self._price(self._model.info.name, completion.usage, at)
        if asked is None and completion.model:
            return self._price(completion.model, completion.usage, at)
        return asked
