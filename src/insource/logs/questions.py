"""Questions to a paid model: asked once, on record, within a cap of money, resumed where they stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from threading import Lock

from insource.config.log import OwnPrice
from insource.foundation.canonical import digest
from insource.foundation.errors import ProviderError, UserError
from insource.logs.recorder import RecordedModel, Recorder
from insource.models.protocol import Model, Request
from insource.providers.price_bound import HIDDEN_TOKENS, dearest_usd
from insource.providers.prices import PriceTable
from insource.providers.token_estimates import tokens_in
from insource.store.calls.calls import find_calls
from insource.types import Usage

QUESTION_TAG = "question"


class CapReached(Exception):
    """The next question could cost more than is left."""


class Questions:
    """A model with its price and its answers so far; ``task`` is what its calls are recorded under.

    ``spent_usd`` is what this object has paid; answers of before are free. With ``max_usd`` a question is
    sent only when the most it can cost is left, beside the most that those under way can cost.
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
        """The name of who is asked."""
        return self._model.info.name

    def pending(self, requests: Sequence[Request]) -> list[Request]:
        """Those that were not answered yet."""
        return [request for request in requests if _name(request) not in self._known]

    def estimate_usd(self, requests: Sequence[Request], answer_characters: int) -> Decimal | None:
        """What these would cost with answers of that many characters each; None without a price.

        Raises:
            UserError: ``price-unknown`` or ``over-cap`` when there is a cap that cannot be kept.
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
                hint="Raise --max-usd, or ask for fewer with --count.",
            )
        return cost

    def answer(self, request: Request) -> str | None:
        """The model's answer, from the log when it gave it before; None when it refused this one.

        Raises:
            CapReached: before the question is sent.
            UserError: ``price-unknown``, likewise, when there is a cap.
            ProviderError: the provider refuses or cannot be reached.
        """
        name = _name(request)
        if name in self._known:
            return self._known[name]
        reserved = self._reserve(request)
        cost: Decimal | None = Decimal(0)  # of a question without an answer
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
        """Set the most that the question can cost aside, for a token is at least a byte; 0 without a cap."""
        if self._max_usd is None:
            return Decimal(0)
        sent = len(request.model_dump_json().encode()) + HIDDEN_TOKENS
        most = dearest_usd(
            self._prices.cost, self._model.info.name, sent, request.max_tokens, datetime.now(UTC)
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
            f"No price is known for {self._model.info.name}, so a cap of money cannot be kept.",
            hint="Give its price under [prices.models] in insource.toml, or leave --max-usd out.",
        )


def _name(request: Request) -> str:
    return digest(request.model_dump(mode="json"))
