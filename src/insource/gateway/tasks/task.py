"""Answer calls of one task: by the local model, or by the cloud if the local answer is doubtful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from insource.gateway.call.chat_options import accepting, logprobs_of
from insource.gateway.call.decisions_api import DecisionRequest, decisions_body
from insource.gateway.call.exchange import Attempt, Exchange, describe_policy
from insource.gateway.call.openai_api import ChatRequest, Logprobs, document_of
from insource.gateway.settings import AUTO, GatewaySettings, TaskSettings
from insource.gateway.tasks.cloud import Cloud, open_cloud
from insource.gateway.tasks.decisions import Decider
from insource.gateway.tasks.line import Line, Overloaded
from insource.gateway.tasks.local import TOO_LONG, LocalAnswerer, prompt_of
from insource.gateway.ways.as_certified import AsCertified
from insource.gateway.ways.doubtful_fields import DOUBTFUL_FIELDS, LOW_CONFIDENCE, DoubtfulFields
from insource.gateway.ways.exact_cache import ALREADY_PAID, CACHED
from insource.gateway.ways.ways import BY_RULE, Plan, Steps, Ways
from insource.routing.cascade import decide
from insource.routing.certified import PROMPT_CHANGED
from insource.types import Completion, Labels, Route

NOT_INSOURCED, OTHER_OPTIONS, OTHER_FORMAT = "not-insourced", "other-options", "other-format"
OVERLOADED = "overloaded"
# The answer to a call that cannot be answered here and has no cloud, by its reason: status, code, problem.
_REFUSALS = {
    NOT_INSOURCED: (400, "not-supported", "The local model cannot answer a call of this form"),
    OTHER_FORMAT: (400, "not-supported", "The local answer does not have the format that the call asks for"),
    OTHER_OPTIONS: (422, "not-supported", "The local answer is none of the options of a question"),
    PROMPT_CHANGED: (422, PROMPT_CHANGED, "The call does not ask as the policy was certified for"),
    TOO_LONG: (400, "context_length_exceeded", "The document is longer than the context of the local model"),
}
_ANSWERED = {
    True: "It answers questions about one text, with the options of its own task only.",
    False: "It answers one document as one user message of text, without tools or several choices, in the "
    "format of its own task, with log-probabilities only if it states them.",
}

_WITHOUT = {
    "local-only": "the task is local-only",
    "no-cloud": "no cloud is configured",
    BY_RULE: "the rule that it falls under allows no other way",
}

Elsewhere = Callable[[], Awaitable[None]]
"""Sends a call to the upstream that it would have gone to without the task, and answers with what comes."""


class InsourcedTask:
    """A task that this gateway answers. ``line`` has the slots of its local model.

    Raises:
        DataError: ``schema-not-supported`` if its output contract has no grammar.
    """

    def __init__(self, settings: GatewaySettings, own: TaskSettings, line: Line) -> None:
        self.task = own.task
        self.policy = own.policy
        self.version = f"{own.task.name}@{own.version}" if own.version else ""
        self.reference = own.reference
        self.local = (
            LocalAnswerer(
                own.local,
                own.task,
                own.ask or prompt_of(own.task, own.max_tokens),
                own.confidence,
                own.judge,
            )
            if own.local is not None
            else None
        )
        self.cloud: Cloud | None = None
        self._settings = settings
        self._own = own
        self._line = line
        self._decider = Decider(own.task.output)
        self._as_certified = AsCertified(own)
        self._fields = DoubtfulFields(own)
        self._ways = Ways(settings, own)
        self._without_cloud = "no-cloud"
        self._reasons: Counter[str] = Counter()

    def open(self) -> None:
        """Open the cloud, in the event loop of the server."""
        self.cloud, self._without_cloud = open_cloud(self._settings, self._own, self.names)
        self._ways.open(self.names)

    def close(self) -> None:
        self._ways.close()
        if self.cloud is not None:
            self.cloud.close()
        self._line.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of models that mean this task and no other."""
        return (self.version, self.task.name) if self.version else (self.task.name,)

    @property
    def model(self) -> str:
        """The name of what answers here, in answers and in the log."""
        return self.version or ("" if self.local is None else self.local.model.info.name)

    def serves(self, model: str) -> bool:
        """Return whether a model's name leaves the call to this task: its own or its cloud's."""
        if model in self.names or model == AUTO or (self.cloud is not None and model == self.cloud.model):
            return True
        return self.answers_any

    @property
    def answers_any(self) -> bool:
        """Return whether this task answers callers that name another model."""
        return self._own.any_model

    def decides(self, model: str, asked: DecisionRequest) -> bool:
        """Return whether these questions are the task's: by the name of the model, or of themselves.

        A client of a hosted decision model names that model, and changes nothing but its base URL.
        """
        return self.serves(model) or (self.local is not None and self._decider.recognises(asked.questions))

    @property
    def passes_on(self) -> bool:
        """Return whether the task's cloud accepts requests for any model."""
        return self.cloud is not None and self.cloud.passes_on

    @property
    def alive(self) -> bool:
        """Return whether a model on this machine can answer."""
        return self.local is not None and self._own.alive()

    def state(self) -> dict[str, Any]:
        """Return what ``/health`` tells about the task; ``reasons`` counts its calls by their reason."""
        cloud = self.cloud
        return {
            "model": self.model or None,
            "engine": {"configured": self.local is not None, "alive": self.alive},
            "cloud": {"configured": cloud is not None, "model": cloud and cloud.model},
            "policy": describe_policy(self.policy),
            "waiting": self._line.waiting,
            "under_way": self._line.under_way,
            "reasons": dict(self._reasons),
            PROMPT_CHANGED: self._as_certified.state(),
            "ways": self._ways.state(),
        }

    async def answer(self, exchange: Exchange) -> None:
        """Answer a chat completion and record its end."""
        try:
            await self._answer(exchange)
        finally:
            self._ways.ended(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        chat = exchange.chat
        assert chat is not None
        document = self._document_of(chat) if exchange.own else None
        if document is None or self.local is None:
            await self._escalate(exchange, NOT_INSOURCED if document is None else "local-failed")
            return
        changed = self._as_certified.changed(exchange)
        if changed and not self._alone(exchange):
            await self._escalate(exchange, PROMPT_CHANGED, detail=changed)
            return
        key = self._ways.cache.key(exchange, self.model, document)
        if (kept := await self._ways.cache.found(key)) is not None:
            await self._serve_again(exchange, *kept)
            return
        plan = self._ways.plan(exchange, self._line.wait_s)
        reason = BY_RULE
        if plan.here_first:
            reason = await self._here(exchange, document, changed, plan)
        if reason:
            await self._escalate(exchange, reason, document, plan.rest if plan.here_first else plan)
        self._ways.cache.keep(key, exchange)

    async def _here(self, exchange: Exchange, document: str, changed: str, plan: Plan) -> str:
        """Answer a call here if the policy allows it. Returns why it is not answered, else an empty text."""
        chat = exchange.chat
        assert chat is not None
        assert self.local is not None
        attempt = await self._attempt(exchange, self.local, document)
        to, reason = decide(self.policy, attempt.confidence, attempt.outcome)
        reason = attempt.why or reason
        fields: tuple[str, ...] = ()
        if self._fields.applies and attempt.outcome == "valid":
            to, reason, fields = self._fields.decided(attempt)
        if changed:
            to, reason = "cloud", PROMPT_CHANGED
        if attempt.outcome == "valid" and (other := self._other_answer(chat, attempt)):
            exchange.attempt = attempt._replace(outcome="invalid", error=_REFUSALS[other][2])
            to, reason = "cloud", other
        if to == "local":
            await self._serve_locally(exchange, reason)
            return ""
        if reason != DOUBTFUL_FIELDS:
            return reason
        answered = "cloud" in plan.use and await self._escalate_fields(exchange, fields)
        return "" if answered else LOW_CONFIDENCE

    async def decide(self, exchange: Exchange, elsewhere: Elsewhere | None) -> None:
        """Answer typed questions and record the end; the cloud or ``elsewhere`` answers doubtful ones."""
        asked, reason = exchange.decisions, NOT_INSOURCED
        assert asked is not None
        if asked.document is not None and self._decider.answers(asked.questions):
            reason = "local-failed"
            if self.local is not None and self._as_certified.changed(exchange):
                reason = PROMPT_CHANGED
            elif self.local is not None:
                attempt = await self._attempt(exchange, self.local, asked.document)
                to, reason = decide(self.policy, attempt.confidence, attempt.outcome)
                reason = attempt.why or reason
                if to == "local":
                    if self._decided(exchange) is not None:
                        await self._serve_locally(exchange, reason)
                        return
                    reason = OTHER_OPTIONS
        if elsewhere is not None and not self._refuses(reason):
            self._reasons[reason] += 1
            exchange.take("cloud", exchange.model, reason)
            await elsewhere()
        elif exchange.own:
            await self._escalate(exchange, reason)
        else:  # the cloud of the task may not serve the model that was named
            stays = exchange.admission.local_only or self.task.privacy == "local-only"
            await self._serve_or_refuse(exchange, reason, "local-only" if stays else "no-cloud")

    def _document_of(self, chat: ChatRequest) -> str | None:
        """Return the document of a request, None if the local model cannot answer as it asks."""
        stated = self._own.spelled is not None or isinstance(self.task.output, Labels)
        if accepting(chat.response_format, self.task.output) is None or (chat.logprobs and not stated):
            return None
        return document_of(chat)

    def _other_answer(self, chat: ChatRequest, attempt: Attempt) -> str:
        """Return why a valid answer is not what the request asks for, empty if it is."""
        assert attempt.completion is not None
        accepts = accepting(chat.response_format, self.task.output)
        if accepts is None or not accepts(attempt.completion.text):
            return OTHER_FORMAT
        return NOT_INSOURCED if chat.logprobs and self._logprobs(chat, attempt) is None else ""

    def _logprobs(self, chat: ChatRequest | None, attempt: Attempt) -> Logprobs | None:
        if chat is None or not chat.logprobs or attempt.completion is None:
            return None
        return logprobs_of(attempt.completion, chat.top_logprobs or 0, self._own.spelled)

    async def _attempt(self, exchange: Exchange, local: LocalAnswerer, document: str) -> Attempt:
        try:
            exchange.attempt = await self._line.run(partial(local.answer, document))
        except Overloaded as error:
            exchange.attempt = Attempt(
                "failed", error=str(error), why=OVERLOADED, retry_after_s=error.retry_after_s
            )
        return exchange.attempt

    def _decided(self, exchange: Exchange) -> bytes | None:
        """Return the local attempt as the answer to typed questions, None if it does not answer them."""
        asked, attempt = exchange.decisions, exchange.attempt
        if asked is None or attempt is None or self.local is None:
            return None
        decided = self._decider.decide(asked.questions, attempt)
        identifier = exchange.recording.call_id
        return None if decided is None else decisions_body(asked.path, decided, self.model, identifier)

    async def _serve_again(self, exchange: Exchange, completion: Completion, route: Route) -> None:
        """Serve the answer to an earlier call, which was exactly like this one."""
        self._count(CACHED)
        exchange.take(route.to, completion.model, CACHED, fields=route.cloud_fields)
        await exchange.deliver(completion, ALREADY_PAID)

    async def _serve_locally(self, exchange: Exchange, reason: str) -> None:
        attempt = exchange.attempt
        assert attempt is not None
        assert attempt.completion is not None
        self._reasons[reason] += 1
        exchange.take("local", self.model, reason)
        completion = attempt.completion.model_copy(update={"model": self.model})
        logprobs = self._logprobs(exchange.chat, attempt)
        await exchange.deliver(completion, body=self._decided(exchange), logprobs=logprobs)

    def _can_serve(self, exchange: Exchange) -> bool:
        if exchange.attempt is None or exchange.attempt.outcome != "valid":
            return False
        return exchange.decisions is None or self._decided(exchange) is not None

    def _refuses(self, reason: str) -> bool:
        """Return whether a call is refused for this reason although another model could answer it."""
        return reason == OVERLOADED and self._settings.limits.overload == "refuse"

    async def _escalate_fields(self, exchange: Exchange, fields: tuple[str, ...]) -> bool:
        """Let the cloud answer these fields alone. Returns whether it did; nothing was sent otherwise."""
        cloud = self._cloud_for(exchange)[0]
        if cloud is None or not await self._fields.answered(exchange, cloud, fields, self.model):
            return False
        self._reasons[DOUBTFUL_FIELDS] += 1
        return True

    def _cloud_for(self, exchange: Exchange) -> tuple[Cloud | None, str]:
        """Return the cloud that a call may ask, or None and the reason."""
        if exchange.admission.local_only and self.cloud is not None and not self.cloud.local:
            return None, "local-only"
        return self.cloud, self._without_cloud

    def _alone(self, exchange: Exchange) -> bool:
        """Return whether nothing but the local model answers, for callers of any model, and that is known."""
        private = exchange.admission.local_only or self.task.privacy == "local-only"
        return self._own.any_model and self.cloud is None and not private

    async def _escalate(
        self,
        exchange: Exchange,
        reason: str,
        document: str | None = None,
        plan: Plan | None = None,
        *,
        detail: str = "",
    ) -> None:
        """Take the further ways of a call: mostly its cloud. Without one, serve the local answer if it fits.

        ``document`` is None for a call that the local model may not answer.
        """
        if plan is None:
            plan = self._ways.plan(exchange, 0.0).in_the_cloud

        async def here() -> bool:
            return document is not None and not await self._here(exchange, document, "", plan)

        async def unsure(why: str) -> bool:
            if exchange.attempt is None and document is not None and self.local is not None:
                await self._attempt(exchange, self.local, document)
            if not self._can_serve(exchange):
                return False
            await self._serve_locally(exchange, why)
            return True

        steps = Steps(here, lambda: self._ask_cloud(exchange, reason), unsure, self._count)
        if await self._ways.take(plan, exchange, steps):
            return
        without = BY_RULE if plan.rule is not None else self._cloud_for(exchange)[1]
        await self._serve_or_refuse(exchange, reason, without, detail)

    async def _ask_cloud(self, exchange: Exchange, reason: str) -> bool:
        cloud, _ = self._cloud_for(exchange)
        if cloud is None or self._refuses(reason):
            return False
        self._count(reason)
        exchange.take("cloud", cloud.model, reason, instead=cloud.instead)
        await cloud.answer(exchange)
        return True

    def _count(self, reason: str) -> None:
        self._reasons[reason] += 1

    async def _serve_or_refuse(self, exchange: Exchange, reason: str, without: str, detail: str = "") -> None:
        if without != BY_RULE and self._can_serve(exchange):
            await self._serve_locally(exchange, reason if reason == PROMPT_CHANGED else without)
            return
        self._reasons[reason] += 1
        attempt = exchange.attempt
        if reason == OVERLOADED and attempt is not None:
            wait = str(attempt.retry_after_s).encode()
            message = f"This task has more calls than its model can answer: {attempt.error}."
            await exchange.refuse(429, "model-overloaded", message, headers=[(b"retry-after", wait)])
            return
        why = _WITHOUT[without]
        other = (503, without, f"The local model cannot answer this ({reason})")
        status, code, problem = _REFUSALS.get(reason, other)
        problem = f"{problem}, and {why}."
        if reason == NOT_INSOURCED:
            problem += f" {_ANSWERED[exchange.decisions is not None]}"
        if detail:
            problem += f" Other than certified: {detail}."
        error = f"{problem} {attempt.error}" if attempt else problem
        await exchange.refuse(status, code, problem, error=error)
