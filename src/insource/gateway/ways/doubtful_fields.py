"""Ask the cloud for the doubtful fields of a local answer alone, with the local draft."""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from insource.contract.answers import read_answer
from insource.gateway.call.asking import Asked, NotAnswered, Question
from insource.gateway.call.chat_options import accepting
from insource.gateway.call.exchange import Attempt, Exchange
from insource.gateway.call.openai_api import messages_of
from insource.gateway.settings import TaskSettings
from insource.gateway.tasks.cloud import Cloud
from insource.routing.ways.partial import doubtful, fields_of, merged, smaller_schema
from insource.types import JsonSchema, Message
from insource.types.task import plain_schema

DOUBTFUL_FIELDS, LOW_CONFIDENCE = "doubtful-fields", "low-confidence"


class Routed(NamedTuple):
    """Where a local attempt goes, the reason, and the fields that the cloud has to give."""

    to: Literal["local", "cloud"]
    reason: str
    fields: tuple[str, ...] = ()


class DoubtfulFields:
    """Serves the sure fields of the answers of one task, where its policy has one for fields."""

    def __init__(self, own: TaskSettings) -> None:
        self._own = own
        self._output = own.task.output if isinstance(own.task.output, JsonSchema) else None
        self._names = fields_of(self._output) if own.ways.fields and self._output else ()

    @property
    def applies(self) -> bool:
        return bool(self._names)

    def decided(self, attempt: Attempt) -> Routed:
        """Return where a valid local answer goes."""
        policy = self._own.ways.fields
        assert policy is not None
        assert attempt.completion is not None
        fields = doubtful(policy, attempt.completion, self._names)
        if not fields:
            return Routed("local", "confident")
        if len(fields) < len(self._names):
            return Routed("cloud", DOUBTFUL_FIELDS, fields)
        return Routed("cloud", LOW_CONFIDENCE if policy.threshold is not None else "no-threshold", fields)

    async def answered(self, exchange: Exchange, cloud: Cloud, fields: tuple[str, ...], model: str) -> bool:
        """Ask the cloud for these fields, and answer the call with both answers as one.

        Returns whether that was possible. If not, nothing was sent to the client.
        """
        attempt = exchange.attempt
        assert attempt is not None
        try:
            completion, priced = await self._whole(exchange, cloud, fields)
        except NotAnswered as error:
            exchange.attempt = attempt._replace(error=f"fields alone were no answer: {error}")
            return False
        exchange.take("cloud", cloud.model, DOUBTFUL_FIELDS, instead=cloud.instead, fields=fields)
        name = f"{model} + {completion.model or cloud.model}"
        await exchange.deliver(completion.model_copy(update={"model": name}), priced)
        return True

    async def _whole(self, exchange: Exchange, cloud: Cloud, fields: tuple[str, ...]) -> Asked:
        """Return the answer of both, with what the cloud says of its own.

        Raises:
            NotAnswered: the cloud gave no such fields, or the two do not fit together.
        """
        chat, attempt, output = exchange.chat, exchange.attempt, self._output
        assert chat is not None
        assert attempt is not None
        assert attempt.completion is not None
        assert output is not None
        if chat.logprobs:
            raise NotAnswered("the call asks for log-probabilities")
        local = read_answer(attempt.completion.text, output).value
        schema = smaller_schema(output, fields)
        asked = await cloud.ask(exchange, Question(self._messages(exchange, local, fields, schema), schema))
        theirs = read_answer(asked.completion.text, JsonSchema(definition=schema)).value
        whole = merged(local, theirs, fields, output)
        text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
        accepts = accepting(chat.response_format, output)
        if whole is None or accepts is None or not accepts(text):
            exchange.spend(asked.priced.cost_usd)
            raise NotAnswered("they do not fit the rest of the answer")
        completion = asked.completion.model_copy(update={"text": text, "finish_reason": "stop"})
        return asked._replace(completion=completion)

    def _messages(
        self, exchange: Exchange, local: Any, fields: tuple[str, ...], schema: dict[str, Any]
    ) -> tuple[Message, ...]:
        """Return the caller's messages with what is asked before the document."""
        assert exchange.chat is not None
        try:
            said = messages_of(exchange.chat)
        except ValueError as error:
            raise NotAnswered(str(error)) from error
        draft, named, form = (
            json.dumps(value, ensure_ascii=False) for value in (local, list(fields), plain_schema(schema))
        )
        question = (
            f"Another model answered this document: {draft} It is not sure of the fields {named}. "
            "Answer with one JSON object that has these fields alone and fits this JSON Schema, and nothing "
            f"else: {form}"
        )
        before = [one for one in said if one.role == "system"]
        own = [] if before else [Message(role="system", content=self._own.task.instruction)]
        rest = [one for one in said if one.role != "system"]
        return (*own, *before, Message(role="system", content=question), *rest)
