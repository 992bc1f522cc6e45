"""Ask a cheaper cloud model before the dear one."""

from __future__ import annotations

from insource.contract.answers import read_answer
from insource.contract.validate import fits
from insource.gateway.call.asking import NotAnswered, Question
from insource.gateway.call.chat_options import accepting
from insource.gateway.call.exchange import Exchange
from insource.gateway.call.openai_api import messages_of
from insource.gateway.settings import TierAccepts
from insource.gateway.tasks.cloud import Cloud
from insource.routing.ways.agreement import agree
from insource.types import JsonSchema, Task

CHEAPER_TIER = "cheaper-tier"


class CheaperTier:
    """A cloud model whose answer is taken if it is valid, or if it agrees with the local one."""

    def __init__(self, cloud: Cloud, task: Task, accepts: TierAccepts) -> None:
        self.cloud = cloud
        self._task = task
        self._accepts = accepts

    async def answered(self, exchange: Exchange) -> bool:
        """Answer the call by the tier. Returns whether its answer is taken; nothing was sent otherwise."""
        chat, attempt = exchange.chat, exchange.attempt
        if chat is None or chat.logprobs or (exchange.admission.local_only and not self.cloud.local):
            return False
        local = attempt.completion.text if attempt and attempt.completion else None
        if self._accepts == "agreeing" and local is None:
            return False
        try:
            asked = await self.cloud.ask(exchange, Question(messages_of(chat)))
        except (NotAnswered, ValueError):
            return False
        completion = asked.completion
        accepts = accepting(chat.response_format, self._task.output)
        taken = completion.finish_reason == "stop" and self._valid(completion.text)
        taken = taken and accepts is not None and accepts(completion.text)
        if self._accepts == "agreeing":
            taken = taken and agree(completion.text, local or "", self._task.output)
        if not taken:
            exchange.spend(asked.priced.cost_usd)
            return False
        exchange.take("cloud", self.cloud.model, CHEAPER_TIER, instead=self.cloud.instead)
        model = completion.model or self.cloud.model
        await exchange.deliver(completion.model_copy(update={"model": model}), asked.priced)
        return True

    def _valid(self, text: str) -> bool:
        output = self._task.output
        answer = read_answer(text, output)
        return answer.parsed and (not isinstance(output, JsonSchema) or fits(answer.value, output.definition))
