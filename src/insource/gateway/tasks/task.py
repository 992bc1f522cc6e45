"""Answer calls of one task: by the local model, or by the cloud if the local answer is doubtful."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from insource.gateway.call.decisions_api import DecisionRequest, decisions_body
from insource.gateway.call.exchange import Exchange, describe_policy
from insource.gateway.rollout.auditor import Auditor
from insource.gateway.rollout.controller import Controller
from insource.gateway.rollout.second_answer import Ask
from insource.gateway.rollout.traffic import Pick, Traffic
from insource.gateway.settings import AUTO, GatewaySettings, TaskSettings
from insource.gateway.tasks.answerer import NOT_INSOURCED, OVERLOADED, Answerer
from insource.gateway.tasks.cloud import Cloud, open_cloud
from insource.gateway.tasks.line import Line
from insource.gateway.tasks.local import LocalAnswerer
from insource.gateway.tasks.refusals import ANSWERED, OTHER_OPTIONS, REFUSALS, WITHOUT
from insource.gateway.ways.doubtful_fields import DOUBTFUL_FIELDS, LOW_CONFIDENCE
from insource.gateway.ways.exact_cache import ALREADY_PAID, CACHED
from insource.gateway.ways.ways import BY_RULE, CLOUD_MOVED, Plan, Steps, Ways, as_asked, by_policy
from insource.routing.cascade import decide
from insource.routing.ways.certified import PROMPT_CHANGED
from insource.types import Completion, Route

AUDIT = "audit"
Elsewhere = Callable[[], Awaitable[None]]
"""Sends a call to the upstream that it would have gone to without the task, and answers with what comes."""


class InsourcedTask:
    """A task that this gateway answers. ``line`` has the slots of the model that it is opened with.

    Raises:
        DataError: ``schema-not-supported`` if its output contract has no grammar.
    """

    def __init__(self, settings: GatewaySettings, own: TaskSettings, line: Line) -> None:
        self.task = own.task
        self.reference = own.reference
        self.cloud: Cloud | None = None
        first = Answerer(own, line)
        self.traffic = Traffic(own.task.name, first)
        self.auditor: Auditor | None = None
        self.controller: Controller | None = None
        if own.registered is not None:
            self.auditor = Auditor(own)
            self.controller = Controller(own, self.traffic, self.auditor, first, self._version)
        self._first = first
        self._settings = settings
        self._own = own
        self._line = line
        self._without_cloud = "no-cloud"
        self._reasons: Counter[str] = Counter()
        self._ways = Ways(settings, own)

    def open(self, ask: Ask) -> None:
        """Open the cloud, in the event loop of the server. ``ask`` sends an audit like any other call."""
        self.cloud, self._without_cloud = open_cloud(self._settings, self._own)
        self._ways.open()
        self._first.loop = asyncio.get_running_loop()
        if self.auditor is not None:
            self.auditor.open(ask, lambda exchange: "cloud" in self._ways.plan(exchange, 0.0).use)

    def _version(self, own: TaskSettings) -> Answerer:
        """Return another version of the task, with slots of its own."""
        limits = self._settings.limits
        line = Line(own.slots, waiting=limits.waiting, deadline_s=limits.deadline_s)
        return Answerer(own, line, self._first.loop)

    def close(self) -> None:
        if self.cloud is not None:
            self.cloud.close()
        self._ways.close()
        self._line.close()

    @property
    def local(self) -> LocalAnswerer | None:
        """The model that answers most calls here, None if none is configured."""
        return self._primary.local

    @property
    def names(self) -> tuple[str, ...]:
        """The names of models that mean this task and no other."""
        versions = {one.name: None for one in self.traffic.snapshot.versions if one.name}
        return (*versions, self.task.name)

    @property
    def model(self) -> str:
        """The name of what answers here, in answers and in the log."""
        return self._primary.model

    @property
    def _primary(self) -> Answerer:
        return next(iter(self.traffic.snapshot.versions), self._first)

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
        primary = self._primary
        return self.serves(model) or (
            primary.local is not None and primary.decider.recognises(asked.questions)
        )

    @property
    def passes_on(self) -> bool:
        """Return whether the task's cloud accepts requests for any model."""
        return self.cloud is not None and self.cloud.passes_on

    def state(self) -> dict[str, Any]:
        """Return what ``/health`` tells about the task; ``reasons`` counts its calls by their reason."""
        cloud, now, primary = self.cloud, self.traffic.snapshot, self._primary
        state: dict[str, Any] = {
            "model": self.model or None,
            "engine": {"configured": primary.local is not None, "alive": primary.alive},
            "cloud": {"configured": cloud is not None, "model": cloud and cloud.model},
            "policy": describe_policy(primary.policy),
            "waiting": primary.line.waiting,
            "under_way": primary.line.under_way,
            "reasons": dict(self._reasons),
            PROMPT_CHANGED: primary.certified.state(),
            "ways": self._ways.state(),
        }
        if self.auditor is not None:
            state["deployment"] = {
                "revision": now.step,
                "champion": now.champion and now.champion.name,
                "challenger": now.challenger and now.challenger.name,
                "previous": now.previous and now.previous.name,
                "stage": now.stage,
                "share": now.share,
                "problem": self.controller and self.controller.problem,
                "stopped": {one.name: one.guards.tripped for one in now.versions if one.guards.tripped},
                "audits": self.auditor.state(),
            }
        return state

    async def answer(self, exchange: Exchange) -> None:
        """Answer a chat completion and record its end."""
        try:
            await self._answer(exchange)
        finally:
            self._ways.ended(exchange)

    async def _answer(self, exchange: Exchange) -> None:
        if exchange.request.audit is not None:
            await self._escalate(exchange, AUDIT)
            return
        chat, pick = exchange.chat, self._pick(exchange)
        assert chat is not None
        one = pick.answerer
        if one is None or one.local is None:
            await self._escalate(exchange, pick.reason or "local-failed")
        elif not exchange.own or (document := one.document_of(chat)) is None:
            await self._escalate(exchange, NOT_INSOURCED)
        else:
            await self._answer_own(exchange, one, document)
        if self.auditor is not None and exchange.own and as_asked(exchange):
            self.auditor.after(exchange, pick, by_policy=by_policy(exchange))

    async def _answer_own(self, exchange: Exchange, one: Answerer, document: str) -> None:
        """Answer a call that ``one`` may answer, by the first of its ways that does."""
        changed = one.certified.changed(exchange)
        if changed and not self._alone(exchange):
            await self._escalate(exchange, PROMPT_CHANGED, detail=changed)
            return
        plan, reason = self._ways.plan(exchange, one.line.wait_s), BY_RULE
        key = self._ways.cache.key(exchange, one.model, document, plan.use)
        if (kept := await self._ways.cache.found(key)) is not None:
            await self._serve_again(exchange, *kept)
            return
        if plan.here_first:
            reason = await self._here(exchange, one, document, plan, changed)
            if reason == LOW_CONFIDENCE and self._ways.kept_here(plan) and self._can_serve(exchange, one):
                await self._serve_locally(exchange, one, CLOUD_MOVED)
                return
            plan = plan.rest
        if reason:
            await self._escalate(exchange, reason, one, document=document, plan=plan)
        self._ways.cache.keep(key, exchange)

    async def _here(
        self, exchange: Exchange, one: Answerer, document: str, plan: Plan, changed: str = ""
    ) -> str:
        """Answer a call here if the policy allows it. Returns why it is not answered, else an empty text."""
        attempt = exchange.attempt = await one.attempt(document)
        to, reason, fields = one.route(attempt, exchange.tags.group)
        if changed:
            to, reason = "cloud", PROMPT_CHANGED
        chat = exchange.chat
        assert chat is not None
        if attempt.outcome == "valid" and (other := one.other_answer(chat, attempt)):
            exchange.attempt = attempt._replace(outcome="invalid", error=REFUSALS[other][2])
            to, reason = "cloud", other
        if to == "local":
            await self._serve_locally(exchange, one, reason)
            return ""
        if reason != DOUBTFUL_FIELDS:
            return reason
        cloud, _ = self._cloud_for(exchange)
        if cloud is None or "cloud" not in plan.use or self._ways.kept_here(plan):
            return LOW_CONFIDENCE
        if not await one.fields.answered(exchange, cloud, fields, one.model):
            return LOW_CONFIDENCE
        self._count(DOUBTFUL_FIELDS)
        return ""

    async def decide(self, exchange: Exchange, elsewhere: Elsewhere | None) -> None:
        """Answer typed questions and record the end; the cloud or ``elsewhere`` answers doubtful ones."""
        asked, reason = exchange.decisions, NOT_INSOURCED
        assert asked is not None
        if exchange.request.audit is not None:
            await self._escalate_decisions(exchange, None, AUDIT, elsewhere)
            return
        pick = self._pick(exchange)
        one = pick.answerer
        if asked.document is not None and one is not None and one.decider.answers(asked.questions):
            reason = "local-failed"
            if one.local is not None and one.certified.changed(exchange):
                reason = PROMPT_CHANGED
            elif one.local is not None:
                attempt = exchange.attempt = await one.attempt(asked.document)
                to, reason = decide(one.policy, attempt.confidence, attempt.outcome, exchange.tags.group)
                reason = attempt.why or reason
                if to == "local":
                    if self._decided(exchange, one) is not None:
                        await self._serve_locally(exchange, one, reason)
                        if self.auditor is not None:
                            self.auditor.after(exchange, pick)
                        return
                    reason = OTHER_OPTIONS
        elif one is None:
            reason = pick.reason
        await self._escalate_decisions(exchange, one, reason, elsewhere)

    async def _escalate_decisions(
        self, exchange: Exchange, one: Answerer | None, reason: str, elsewhere: Elsewhere | None
    ) -> None:
        if elsewhere is not None and not self._refuses(reason):
            self._reasons[reason] += 1
            exchange.take("cloud", exchange.model, reason)
            await elsewhere()
        elif exchange.own:
            await self._escalate(exchange, reason, one)
        else:  # the cloud of the task may not serve the model that was named
            stays = exchange.admission.local_only or self.task.privacy == "local-only"
            await self._serve_or_refuse(exchange, one, reason, "local-only" if stays else "no-cloud")

    def _pick(self, exchange: Exchange) -> Pick:
        """Return which version answers, and note it on the exchange."""
        cloud, tags = self.cloud, exchange.tags
        fails_open = cloud is not None and (cloud.local or not exchange.admission.local_only)
        named = {"feature": tags.feature, "user": tags.user, "prompt_version": tags.prompt_version}
        who = tags.user or exchange.request.body.decode("latin-1")
        pick = self.traffic.pick(who, named, fails_open=fails_open, named=exchange.model)
        exchange.step = pick.snapshot.step
        if pick.answerer is not None:
            exchange.policy, exchange.version = pick.answerer.policy, pick.answerer.name
            exchange.policy_digest = pick.answerer.policy_digest
        return pick

    def _decided(self, exchange: Exchange, one: Answerer) -> bytes | None:
        """Return the local attempt as the answer to typed questions, None if it does not answer them."""
        asked, attempt = exchange.decisions, exchange.attempt
        if asked is None or attempt is None:
            return None
        decided = one.decided(asked.questions, attempt)
        identifier = exchange.recording.call_id
        return None if decided is None else decisions_body(asked.path, decided, one.model, identifier)

    async def _serve_again(self, exchange: Exchange, completion: Completion, route: Route) -> None:
        """Serve the answer to an earlier call, which was exactly like this one."""
        self._count(CACHED)
        exchange.take(route.to, completion.model, CACHED, fields=route.cloud_fields)
        await exchange.deliver(completion, ALREADY_PAID)

    async def _serve_locally(self, exchange: Exchange, one: Answerer, reason: str) -> None:
        attempt = exchange.attempt
        assert attempt is not None
        assert attempt.completion is not None
        self._reasons[reason] += 1
        exchange.take("local", one.model, reason)
        completion = attempt.completion.model_copy(update={"model": one.model})
        logprobs = one.logprobs(exchange.chat, attempt)
        await exchange.deliver(completion, body=self._decided(exchange, one), logprobs=logprobs)

    def _can_serve(self, exchange: Exchange, one: Answerer | None) -> bool:
        if one is None or exchange.attempt is None or exchange.attempt.outcome != "valid":
            return False
        return exchange.decisions is None or self._decided(exchange, one) is not None

    def _refuses(self, reason: str) -> bool:
        """Return whether a call is refused for this reason although another model could answer it."""
        return reason == OVERLOADED and self._settings.limits.overload == "refuse"

    async def _escalate(
        self,
        exchange: Exchange,
        reason: str,
        one: Answerer | None = None,
        *,
        document: str | None = None,
        plan: Plan | None = None,
        detail: str = "",
    ) -> None:
        """Take the further ways of a call: mostly its cloud. Without one, serve the answer of ``one``.

        ``document`` is None for a call that the local model may not answer.
        """
        ways = self._ways.plan(exchange, 0.0).in_the_cloud if plan is None else plan

        async def here() -> bool:
            ready = one is not None and document is not None
            return ready and not await self._here(exchange, one, document, ways)  # type: ignore[arg-type]

        async def unsure(why: str) -> bool:
            if exchange.attempt is None and one is not None and document is not None:
                exchange.attempt = await one.attempt(document)
            if one is None or not self._can_serve(exchange, one):
                return False
            await self._serve_locally(exchange, one, why)
            return True

        steps = Steps(here, lambda: self._ask_cloud(exchange, reason), unsure, self._count)
        if not await self._ways.take(ways, exchange, steps):
            without = BY_RULE if ways.rule is not None else self._cloud_for(exchange)[1]
            await self._serve_or_refuse(exchange, one, reason, without, detail)

    async def _ask_cloud(self, exchange: Exchange, reason: str) -> bool:
        """Let the cloud answer. Returns whether there is one; its error is an answer, too."""
        cloud, _ = self._cloud_for(exchange)
        if cloud is None or self._refuses(reason):
            return False
        self._count(reason)
        exchange.take("cloud", cloud.model, reason, instead=cloud.instead)
        await cloud.answer(exchange)
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

    def _count(self, reason: str) -> None:
        self._reasons[reason] += 1

    async def _serve_or_refuse(
        self, exchange: Exchange, one: Answerer | None, reason: str, without: str, detail: str = ""
    ) -> None:
        if without != BY_RULE and one is not None and self._can_serve(exchange, one):
            await self._serve_locally(exchange, one, reason if reason == PROMPT_CHANGED else without)
            return
        self._reasons[reason] += 1
        attempt = exchange.attempt
        if reason == OVERLOADED and attempt is not None:
            wait = str(attempt.retry_after_s).encode()
            message = f"This task has more calls than its model can answer: {attempt.error}."
            await exchange.refuse(429, "model-overloaded", message, headers=[(b"retry-after", wait)])
            return
        other = (503, without, f"The local model cannot answer this ({reason})")
        status, code, problem = REFUSALS.get(reason, other)
        problem = f"{problem}, and {WITHOUT[without]}."
        if reason == NOT_INSOURCED:
            problem += f" {ANSWERED[exchange.decisions is not None]}"
        if detail:
            problem += f" Other than certified: {detail}."
        error = f"{problem} {attempt.error}" if attempt else problem
        await exchange.refuse(status, code, problem, error=error)
