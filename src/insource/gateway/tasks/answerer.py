"""One version of a task's model, ready to answer: its policy, its slots and its guards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from insource.foundation.canonical import digest, short
from insource.gateway.call.chat_options import accepting, logprobs_of
from insource.gateway.call.decisions_api import Decided, Question
from insource.gateway.call.exchange import Attempt
from insource.gateway.call.openai_api import ChatRequest, Logprobs, document_of
from insource.gateway.settings import TaskSettings
from insource.gateway.tasks.decisions import Decider
from insource.gateway.tasks.line import Line, Overloaded, run_in
from insource.gateway.tasks.local import LocalAnswerer, prompt_of
from insource.gateway.ways.as_certified import AsCertified
from insource.gateway.ways.doubtful_fields import DoubtfulFields, Routed
from insource.lifecycle.guards import Guards
from insource.routing.bounds.coverage import covers
from insource.routing.cascade import decide
from insource.types import Labels

NOT_INSOURCED, OTHER_FORMAT, OVERLOADED = "not-insourced", "other-format", "overloaded"


class Answerer:
    """What answers calls of a task here. ``line`` has the slots of its model, ``loop`` is where it is used.

    Raises:
        DataError: ``schema-not-supported`` if the output contract has no grammar.
    """

    def __init__(self, own: TaskSettings, line: Line, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.own = own
        self.task = own.task
        self.policy = own.policy
        self.policy_digest = short(digest(own.policy.model_dump(mode="json")))
        self.name = f"{own.task.name}@{own.version}" if own.version else ""
        self.line = line
        self.loop = loop
        self.guards = Guards(own.rollout, 1 - own.policy.expected_local_share)
        self.tripped_at = 0.0
        self.decider = Decider(own.task.output)
        self.certified = AsCertified(own)
        self.fields = DoubtfulFields(own)
        self.local: LocalAnswerer | None = None
        if own.local is not None:
            ask = own.ask or prompt_of(own.task, own.max_tokens)
            self.local = LocalAnswerer(own.local, own.task, ask, own.confidence, own.judge)

    @property
    def model(self) -> str:
        """The name of what answers, in answers and in the log."""
        return self.name or ("" if self.local is None else self.local.model.info.name)

    @property
    def alive(self) -> bool:
        """Return whether the model can answer; it may ask an engine over the network."""
        return self.local is not None and self.own.alive()

    @property
    def stopped(self) -> bool:
        """Return whether a guard stopped it less than its cool-down ago; after that it is tried again."""
        if not self.guards.tripped:
            return False
        now = time.monotonic()
        if not self.tripped_at:
            self.tripped_at = now
        if now - self.tripped_at < self.own.rollout.cool_down_s:
            return True
        self.restart()
        return False

    def restart(self) -> None:
        """Let it answer again as if it was opened just now."""
        self.guards.reset()
        self.tripped_at = 0.0

    async def attempt(self, document: str) -> Attempt:
        """Return the local answer, or why there is none; it never raises for a failure of the model."""
        assert self.local is not None
        began = time.monotonic()
        try:
            attempt = await self.line.run(partial(self.local.answer, document))
        except Overloaded as error:
            return Attempt("failed", error=str(error), why=OVERLOADED, retry_after_s=error.retry_after_s)
        except RuntimeError as error:  # the version was closed between the pick and its slot
            return Attempt("failed", error=str(error))
        seconds = time.monotonic() - began
        if not attempt.why:  # a document that is too long is no fault of the model
            self.guards.note(attempt.outcome, seconds, escalated=self.route(attempt).to == "cloud")
        return attempt

    def route(self, attempt: Attempt, group: str = "") -> Routed:
        """Return where an attempt goes, the reason, and the fields that the cloud has to give.

        ``group`` is that of the document, where the caller states it.
        """
        if not self.fields.applies or attempt.outcome != "valid":
            to, reason = decide(self.policy, attempt.confidence, attempt.outcome, group)
            return Routed(to, attempt.why or reason)
        if group and covers(self.policy, group) is False:
            return Routed("cloud", "new-group")
        return self.fields.decided(attempt)

    def served_here(self, document: str) -> str | None:
        """Return the local answer to a document, None where its policy does not serve it or the line is full.

        It waits in the line like a call, so it never takes a slot beside those of the model. It blocks, so it
        is called in another thread than that of ``loop``.
        """
        if self.local is None or self.loop is None:
            return None
        attempt = run_in(self.loop, self.line.run(partial(self.local.answer, document)))
        if attempt is None or attempt.completion is None or self.route(attempt).to == "cloud":
            return None
        return attempt.completion.text

    def document_of(self, chat: ChatRequest) -> str | None:
        """Return the document of a request, None if the local model cannot answer as it asks."""
        stated = self.own.spelled is not None or isinstance(self.task.output, Labels)
        if accepting(chat.response_format, self.task.output) is None or (chat.logprobs and not stated):
            return None
        return document_of(chat)

    def other_answer(self, chat: ChatRequest, attempt: Attempt) -> str:
        """Return why a valid answer is not what the request asks for, empty if it is."""
        assert attempt.completion is not None
        accepts = accepting(chat.response_format, self.task.output)
        if accepts is None or not accepts(attempt.completion.text):
            return OTHER_FORMAT
        return NOT_INSOURCED if chat.logprobs and self.logprobs(chat, attempt) is None else ""

    def logprobs(self, chat: ChatRequest | None, attempt: Attempt) -> Logprobs | None:
        """Return the log-probabilities that the request asks for, None without any."""
        if chat is None or not chat.logprobs or attempt.completion is None:
            return None
        return logprobs_of(attempt.completion, chat.top_logprobs or 0, self.own.spelled)

    def decided(self, questions: Sequence[Question], attempt: Attempt) -> tuple[Decided, ...] | None:
        """Return the attempt as the answer to typed questions, None if it does not answer them."""
        return None if self.local is None else self.decider.decide(questions, attempt)
