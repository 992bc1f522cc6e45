"""Compare answers of this machine with the cloud's, after the caller has the answer.

An audit is a call like any other, made by the gateway itself with the caller's own request and key: a task
that may not leave is not audited, and the call is recorded, priced and marked with the one that it is about.
It takes nothing of the key's budget and rate; its money is ``rollout.audit_usd_per_day``. Which calls are
audited depends on the call's id and, with ``doubtful_audits`` above 1, on how sure the local answer is, never
on what it says.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from insource.foundation.clock import SYSTEM, Clock
from insource.gateway.call.exchange import Attempt, Exchange
from insource.gateway.rollout.audit_book import AuditBook
from insource.gateway.rollout.decided import compare_decided
from insource.gateway.rollout.predictions import Known, Predictions
from insource.gateway.rollout.second_answer import Ask, Said, first_answer, second_answer
from insource.gateway.rollout.traffic import Pick
from insource.gateway.settings import Registered, TaskSettings
from insource.gateway.tasks.answerer import Answerer
from insource.lifecycle.audit_budget import HELD, NO_DECISIONS, stopped_by
from insource.lifecycle.rollout import audit_probability
from insource.routing.bounds.losses import BY_DOCUMENT, lost_of, most_counted
from insource.types.deployment import Audit, AuditSource, Compared, Spent

_LOG = logging.getLogger(__name__)
MOST_UNDER_WAY = 16


class Draw(NamedTuple):
    """With which probability a call was drawn, and with which it would have been without its doubt; whether
    it would have been drawn then, too, and what its audit knows of the calls before.
    """

    probability: float
    least: float
    uniform: bool = True
    known: Known = Known()


class Audited(NamedTuple):
    """The answer of a version that is compared: its text, and whether the policy served it or would have."""

    version: Answerer
    attempt: Attempt
    source: AuditSource
    served: bool
    text: str


class Auditor:
    """Draws the calls of a task that are compared, and compares them.

    ``take`` gives the audits to the controller, which writes them and then calls ``wrote``, or ``give_back``.
    ``skipped`` counts what was drawn and not compared, by its reason.
    """

    def __init__(self, own: TaskSettings, clock: Clock = SYSTEM) -> None:
        assert own.registered is not None
        self._registered: Registered = own.registered
        self._section = own.rollout
        self._task = own.task
        self._clock = clock
        self._ask: Ask | None = None
        self._may_ask: Callable[[Exchange], bool] = lambda exchange: True
        self._under_way: set[asyncio.Task[None]] = set()
        self._paying = 0
        self._book = AuditBook(own.rollout.audit_usd_per_day)
        self.more = 1.0
        self._predictions: dict[str, Predictions] = {}
        self._no_decisions = False
        self.skipped: Counter[str] = Counter()

    def open(self, ask: Ask, may_ask: Callable[[Exchange], bool] = lambda exchange: True) -> None:
        """Begin; ``ask`` handles a request as one that came over HTTP. ``may_ask`` says whether the rules of
        the task let a call go to its cloud.
        """
        self._ask, self._may_ask = ask, may_ask

    def state(self) -> dict[str, Any]:
        """Return what ``/health`` tells; ``stopped`` says what to do where no audit is made."""
        spent = self._book.spent
        return {
            "under_way": len(self._under_way),
            "spent_today_usd": str(spent.usd),
            "without_known_price": spent.unpriced,
            "skipped": dict(self.skipped),
            "stopped": self.held,
        }

    @property
    def held(self) -> str:
        """Why no audit is made, so that a step has to hold; empty while audits are made."""
        reason = stopped_by(self._book.spent, self._section.audit_usd_per_day)
        if not reason and self._no_decisions:
            reason = NO_DECISIONS
        return HELD.get(reason, "")

    def take(self) -> list[Audit]:
        """Return the audits that are not in the registry yet."""
        return self._book.take()

    def give_back(self, audits: Sequence[Audit]) -> None:
        """Keep audits that could not be written."""
        self._book.give_back(audits)

    def wrote(self) -> None:
        """Note that the registry has the audits that were taken."""
        self._book.wrote()

    def know(self, spent: Spent) -> None:
        """Note what the registry says that the audits of today cost."""
        self._book.know(spent)

    async def finish(self, within_s: float) -> None:
        """Wait a moment for the audits under way, and give up the others."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=within_s)
            for one in late:
                one.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def after(self, exchange: Exchange, pick: Pick, *, by_policy: bool = True) -> None:
        """Draw whether the call is compared, and do it in the background.

        A version in shadow is asked on calls that the cloud answered. Where a champion answers, it is asked
        on the champion's audited calls too, with the same probability, so that its sample is uniform. While
        nothing is deployed by hand, nothing is compared: no money is spent unasked.
        ``by_policy`` says whether a local answer was served because the policy keeps it.
        """
        if self._ask is None or exchange.route is None or not pick.snapshot.step:
            return
        if exchange.chat is None and exchange.decisions is None:
            return
        local = exchange.route.to == "local"
        predictions = self._predicted(exchange, pick) if local and by_policy else None
        number = _number(exchange.recording.call_id, pick.snapshot.salt)
        every = self._probability(pick, local=local)
        doubt = self._section.doubtful_audits if local and _doubtful(exchange, pick) else 1.0
        draw = Draw(min(1.0, every * doubt), every, number < every)
        if number >= draw.probability:
            return
        if reason := self._not_asked(self._ask, exchange, local=local, by_policy=by_policy):
            self.skipped[reason] += 1
            return
        if predictions is not None and draw.uniform:
            draw = draw._replace(known=predictions.take())
        self._paying += local
        task = asyncio.create_task(self._audit(self._ask, exchange, pick, draw, local=local))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _not_asked(self, ask: Ask, exchange: Exchange, *, local: bool, by_policy: bool) -> str:
        """Return why a call that was drawn is not compared, empty if it is."""
        if exchange.admission.local_only or self._task.privacy == "local-only":
            return "local-only"
        if len(self._under_way) >= MOST_UNDER_WAY:
            return "too-many"
        if exchange.decisions is not None and (not local or self._no_decisions):
            return NO_DECISIONS if local else "decisions-in-shadow"
        if not local:
            return ""
        if not by_policy:
            return "not-by-policy"
        return self._book.refuses(self._paying) if self._may_ask(exchange) else "by-rule"

    def _predicted(self, exchange: Exchange, pick: Pick) -> Predictions | None:
        """Take the predicted error of a served answer, and return those of its version."""
        sure = exchange.attempt.confidence if exchange.attempt is not None else None
        if sure is None or pick.answerer is None or not 0 <= sure <= 1:
            return None
        of_version = self._predictions.setdefault(pick.answerer.name, Predictions())
        of_version.add(sure)
        return of_version

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.skipped["failed"] += 1
            _LOG.error("an audit failed", exc_info=error)

    def _probability(self, pick: Pick, *, local: bool) -> float:
        section, now = self._section, pick.snapshot
        if not local:
            if pick.shadow is None:
                return 0.0
            return section.shadow_share if now.champion is None else section.audit_share
        in_canary = pick.answerer is not None and pick.answerer is now.challenger
        share = audit_probability(section, now.share) if in_canary else section.audit_share
        return min(1.0, share * self.more)

    async def _audit(self, ask: Ask, exchange: Exchange, pick: Pick, draw: Draw, *, local: bool) -> None:
        if not local:
            said = first_answer(exchange)
        else:
            try:
                said = await second_answer(ask, exchange)
                await self._served(exchange, pick, said, draw)
            finally:
                self._paying -= 1
        if said.why:
            self.skipped[said.why] += 1
        elif pick.shadow is not None:
            await self._shadow(exchange, pick, pick.shadow, said, draw)

    async def _served(self, exchange: Exchange, pick: Pick, said: Said, draw: Draw) -> None:
        """Compare what was served; what the cloud's answer cost is noted whatever comes of it."""
        version, attempt = pick.answerer, exchange.attempt
        if said.why == NO_DECISIONS:
            self._no_decisions = True
        if version is None or attempt is None:
            return
        source: AuditSource = "canary" if version is pick.snapshot.challenger else "live"
        text = _text(attempt)
        if exchange.decisions is not None and exchange.said is not None:
            text = (exchange.said.response_bytes or b"").decode()
        await self._note(exchange, pick, Audited(version, attempt, source, True, text), said, draw)

    async def _shadow(self, exchange: Exchange, pick: Pick, shadow: Answerer, said: Said, draw: Draw) -> None:
        document = None if exchange.chat is None else shadow.document_of(exchange.chat)
        if document is None or shadow.local is None:
            return
        attempt = await shadow.attempt(document)
        if attempt.why:  # its slots are taken, or the document is too long: nothing was answered
            self.skipped[attempt.why] += 1
            return
        served = shadow.route(attempt, exchange.tags.group).to == "local"
        answer = Audited(shadow, attempt, "shadow", served, _text(attempt))
        await self._note(exchange, pick, answer, said, draw)

    async def _note(self, exchange: Exchange, pick: Pick, one: Audited, said: Said, draw: Draw) -> None:
        """Compare an answer with the cloud's and note the audit, also one that cannot be compared."""
        differs, why = None, said.why or "failed"
        try:
            if not said.why:
                compare = self._registered.compare if exchange.decisions is None else compare_decided
                # In a thread: a long list takes seconds, and other calls must not wait for it.
                differs = await asyncio.to_thread(compare, one.text, said.text)
                why = "" if differs is not None else "cloud-invalid"
        finally:
            if why == "cloud-invalid":
                self.skipped[why] += 1
            if one.source != "shadow" or not why:
                self._book.add(self._record(exchange, pick, one, said, draw, differs, why))

    def _record(
        self,
        exchange: Exchange,
        pick: Pick,
        one: Audited,
        said: Said,
        draw: Draw,
        differs: Compared | None,
        why: str,
    ) -> Audit:
        shown = {} if differs is None else self._found(one.version, differs)
        known = {} if one.source == "shadow" else draw.known._asdict()
        return Audit(
            task=self._task.name,
            version=one.version.name,
            call_id=exchange.recording.call_id,
            at=self._clock.now(),
            source=one.source,
            uniform=draw.uniform,
            weight=1 / draw.probability,
            rarest=1 / draw.least,
            served=one.served and not why,
            confidence=one.attempt.confidence,
            step=pick.snapshot.step,
            cloud_model=said.model,
            cost_usd=None if one.source == "shadow" else said.cost_usd,
            unanswered=why,
            **{"wrong": False, **shown, **known},
        )

    def _found(self, version: Answerer, differs: Compared) -> dict[str, Any]:
        """Return what an audit says of the two answers, by the loss that the version's policy bounds."""
        policy = version.policy
        found = {"loss": policy.loss, "wrong_fields": differs.wrong_fields, "fields": differs.fields}
        most = None
        if policy.loss not in BY_DOCUMENT:
            stated = self._registered.most_fields
            most = most_counted(self._task.output, policy.loss, policy.weights, stated)
        if most is None:  # documents, or fields without a limit, of which no test is valid
            loss = policy.loss if policy.loss in BY_DOCUMENT else "documents"
            return {**found, "loss": loss, "wrong": differs.wrong_fields > 0}
        lost, of = lost_of(policy.loss, differs.slots, policy.weights)
        return {**found, "wrong": lost > 0, "lost": lost, "counted": of, "most": most}


def _text(attempt: Attempt) -> str:
    return attempt.completion.text if attempt.completion is not None else ""


def _doubtful(exchange: Exchange, pick: Pick) -> bool:
    """Return whether an answer that was served is in the lower half between the threshold and certainty."""
    sure = exchange.attempt.confidence if exchange.attempt is not None else None
    threshold = pick.answerer.policy.threshold if pick.answerer is not None else None
    return sure is not None and threshold is not None and sure < (1 + threshold) / 2


def _number(call_id: str, salt: str) -> float:
    """Return a number in [0, 1) that depends on the call's id alone."""
    digest = hashlib.blake2b(f"audit\0{salt}\0{call_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
