"""Questions to a paid model: asked once, recorded, limited by a cost cap, and resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock

from insource.config.log import OwnPrice
from insource.foundation.canonical import digest
from insource.foundation.errors import ProviderError, UserError
from insource.logs.recorded_model import RecordedModel
from insource.logs.recorder import Recorder
from insource.models.protocol import Model, Request
from insource.providers.price_bound import HIDDEN_TOKENS, dearest_usd
from insource.providers.prices import PriceTable
from insource.providers.token_estimates import tokens_in
from insource.store.calls.calls import find_calls
from insource.types import Usage

QUESTION_TAG = "question"


class CapReached(Exception):
    """The next question could exceed the cost cap."""


class Questions:
    """A model with its price and its answers so far. ``task`` is the task of its recorded calls.

    ``spent_usd`` is what this object has paid; earlier answers are free. With ``max_usd``, a question is sent
    only if its largest possible cost fits, together with the largest possible cost of running questions.
    """

    def __init__(
        self,
        model: Model,
        recorder: Recorder,
        task: str,
        prices: Mapping[str, OwnPrice],
        max_usd: Decimal | None = None,
    ) -> None:
        self.spent_usd = Decimal(0)
        self.asked = 0
        self.refused = 0
        self._prices = PriceTable(prices)
        self._model = model
        self._max_usd = max_usd
        self._reserved_usd = Decimal(0)
        self._money = Lock()
        self._recorded = RecordedModel(model, recorder, task, price=self._prices.cost)
        recorder.flush()
        self._known = {
            call.tags[QUESTION_TAG]: call.response_text
            for call in find_calls(recorder.database, task=task)
            if call.outcome == "ok" and call.model_asked == model.info.name and QUESTION_TAG in call.tags
        }

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._model.info.name

    def pending(self, requests: Sequence[Request]) -> list[Request]:
        """Return the requests that have no answer yet."""
        return [request for request in requests if _name(request) not in self._known]

    def estimate_usd(self, requests: Sequence[Request], answer_characters: int) -> Decimal | None:
        """Return the estimated cost of these requests with answers of that many characters; None without a
        price.

        Raises:
            UserError: ``price-unknown`` or ``over-cap`` when the cost cap cannot be kept.
        """
        asked = sum(len(message.content) for request in requests for message in request.messages)
        usage = Usage(
            input_tokens=tokens_in(asked),
            output_tokens=tokens_in(answer_characters * len(requests)),
        )
        cost = self._prices.cost(self._model.info.name, usage)
        if self._max_usd is None:
            return cost
        if cost is None:
            raise self._priceless()
        if cost > self._max_usd:
            raise UserError(
                "over-cap",
                f"{len(requests):,} questions cost about ${cost:.2f}, more than the cap of ${self._max_usd}.",
                hint="Raise --max-usd, or request fewer with --count.",
            )
        return cost

    def answer(self, request: Request) -> str | None:
        """Return the model's answer, from the log if it was given before; None when the model refuses it.

        Raises:
            CapReached: before the question is sent.
            UserError: ``price-unknown``, before the question is sent, when there is a cap.
            ProviderError: the provider refuses or cannot be reached.
        """
        name = _name(request)
        if name in self._known:
            return self._known[name]
        reserved = self._reserve(request)
        cost: Decimal | None = Decimal(0)  # the cost if there is no answer
        try:
            completion = self._recorded.tagged(**{QUESTION_TAG: name}).generate(request)
            self.asked += 1
            cost = self._prices.cost(self._model.info.name, completion.usage)
        except ProviderError as error:
            if error.code != "document-refused":
                raise
            self.refused += 1
            return None
        finally:
            with self._money:
                self._reserved_usd -= reserved
                self.spent_usd += reserved if cost is None else cost
        self._known[name] = completion.text
        return completion.text

    def _reserve(self, request: Request) -> Decimal:
        """Reserve the largest possible cost (a token has at least one byte); return 0 without a cap."""
        if self._max_usd is None:
            return Decimal(0)
        sent = len(request.model_dump_json().encode()) + HIDDEN_TOKENS
        most = dearest_usd(
            self._prices.dearest, self._model.info.name, sent, request.max_tokens, datetime.now(UTC)
        )
        if most is None:
            raise self._priceless()
        with self._money:
            if self.spent_usd + self._reserved_usd + most > self._max_usd:
                raise CapReached
            self._reserved_usd += most
        return most

    def _priceless(self) -> UserError:
        return UserError(
            "price-unknown",
            f"No price is known for {self._model.info.name}, so the cost cap cannot be kept.",
            hint="Set its price under [prices.models] in insource.toml, or omit --max-usd.",
        )


def _name(request: Request) -> str:
    return digest(request.model_dump(mode="json"))
