"""Choose, call by call, the ways in which a task may be answered, and take them in their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from insource.foundation.clock import SYSTEM
from insource.gateway.call.exchange import Exchange
from insource.gateway.settings import GatewaySettings, TaskSettings
from insource.gateway.tasks.cloud import open_cloud
from insource.gateway.ways.cheaper_tier import CHEAPER_TIER, CheaperTier
from insource.gateway.ways.doubtful_fields import DOUBTFUL_FIELDS
from insource.gateway.ways.exact_cache import CACHED, ExactCache
from insource.gateway.ways.spending import Spending
from insource.routing.ways.certified import PROMPT_CHANGED
from insource.routing.ways.rules import CallFacts, rule_for
from insource.types.ways import WAITS_FOR_A_PERSON, Destination

BY_RULE, UNSURE, CLOUD_FAILED, CLOUD_MOVED = "by-rule", "unsure", "cloud-failed", "cloud-moved"

_NOT_BY_POLICY = frozenset((UNSURE, CLOUD_FAILED, WAITS_FOR_A_PERSON, "no-cloud", "local-only"))

# Answers that are no whole answer of the cloud to the caller's request as it was certified, or that no policy
# keeps, so that their differences are none of the version's.
_NOT_COMPARED = frozenset((PROMPT_CHANGED, DOUBTFUL_FIELDS, CACHED, CHEAPER_TIER, CLOUD_MOVED))


def as_asked(exchange: Exchange) -> bool:
    """Return whether a call was answered as it came, so that a version's answer may be compared with it."""
    return exchange.route is None or exchange.route.reason not in _NOT_COMPARED


def by_policy(exchange: Exchange) -> bool:
    """Return whether a local answer was served because the policy keeps it, and not for want of another."""
    return exchange.route is None or exchange.route.reason not in _NOT_BY_POLICY


class Plan(NamedTuple):
    """The ways of one call, in their order. ``rule`` is the name of the rule that they are from.

    Without a rule, what no way answers is answered as the task does it: here if it can be.
    """

    use: tuple[Destination, ...]
    rule: str | None = None

    @property
    def here_first(self) -> bool:
        return self.use[:1] == ("local",)

    @property
    def rest(self) -> Plan:
        """The ways after the first."""
        return self._replace(use=self.use[1:])

    @property
    def in_the_cloud(self) -> Plan:
        """What is left of the ways for a call that only the cloud of the task can answer."""
        return self._replace(use=tuple(way for way in self.use if way == "cloud"))


class Steps(NamedTuple):
    """What the task can do with a call; each but the last returns whether the call is answered.

    ``here`` asks the local model and serves its answer if the policy keeps it. ``cloud`` asks the task's
    cloud, whose error is an answer, too. ``unsure`` serves the local answer with a reason. ``counted``
    counts a reason.
    """

    here: Callable[[], Awaitable[bool]]
    cloud: Callable[[], Awaitable[bool]]
    unsure: Callable[[str], Awaitable[bool]]
    counted: Callable[[str], None]


class Ways:
    """The ways of one task."""

    def __init__(
        self, settings: GatewaySettings, own: TaskSettings, now: Callable[[], datetime] = SYSTEM.now
    ) -> None:
        self._settings = settings
        self._own = own
        self._now = now
        self._spending: Spending | None = None
        self._tier: CheaperTier | None = None
        self.cache = ExactCache(settings.recorder.database, own.ways.cache_s)

    def open(self) -> None:
        """Open the cheaper cloud, and read what was spent today."""
        ways = self._own.ways
        if ways.tier is not None:
            cloud, _ = open_cloud(self._settings, self._own.escalating_to(ways.tier))
            if cloud is not None:
                self._tier = CheaperTier(cloud, self._own.task, ways.tier_accepts)
        if any(rule.spent_usd is not None for rule in ways.rules):
            self._spending = Spending(self._settings.recorder.database, self._own.task.name, self._now)

    def close(self) -> None:
        if self._tier is not None:
            self._tier.cloud.close()

    def plan(self, exchange: Exchange, wait_s: float) -> Plan:
        """Return the ways of a call that would wait so long for the local model, in seconds."""
        ways = self._own.ways
        facts = CallFacts(
            at=self._now(),
            key=exchange.admission.key_name,
            user=exchange.tags.user,
            feature=exchange.tags.feature,
            wait_s=wait_s,
        )
        if self._spending is not None:
            facts = facts._replace(spent=self._spending.today())
        rule = rule_for(ways.rules, facts, ways.fail)
        if rule is not None:
            return Plan(rule.use, rule.name or BY_RULE)
        private = exchange.admission.local_only or self._own.task.privacy == "local-only"
        if private:
            return Plan(("local", "person"))
        return Plan(("local", "cloud") if self._tier is None else ("local", "tier", "cloud"))

    def kept_here(self, plan: Plan) -> bool:
        """Return whether a doubtful answer is served here because the cloud is in trouble.

        A rule has to allow unsure answers, and no field may be one that is always the cloud's.
        """
        own = self._own
        anchors = None if own.registered is None else own.registered.anchors
        if anchors is None or not anchors.cloud_trouble:
            return False
        always = own.ways.fields is not None and "cloud" in own.ways.fields.modes.values()
        return "cloud" in plan.use and not always and (plan.rule is None or "unsure" in plan.use)

    async def take(self, plan: Plan, exchange: Exchange, steps: Steps) -> bool:
        """Take the ways of a plan in their order, until one answers; return whether one did."""
        while plan.use:
            way, plan = plan.use[0], plan.rest
            if way == "cloud" and plan.use:
                exchange.otherwise = partial(self._otherwise, plan, exchange, steps)
            answered = await self._took(way, exchange, steps)
            exchange.otherwise = None
            if answered:
                return True
        return False

    def ended(self, exchange: Exchange) -> None:
        """Count what a call of the task cost."""
        if self._spending is not None and exchange.said is not None and exchange.route is not None:
            error = exchange.said.outcome == "error"
            free = exchange.route.to == "local" or exchange.route.simulated or error
            self._spending.add(exchange.cost_usd if exchange.cost_usd is not None or not free else None)

    def state(self) -> dict[str, Any]:
        """Return what ``/health`` tells about them."""
        spent = self._spending and self._spending.today()
        return {
            "rules": [rule.name or BY_RULE for rule in self._own.ways.rules],
            "tier": self._tier and self._tier.cloud.model,
            "spent_today_usd": spent and spent.usd,
        }

    async def _took(self, way: Destination, exchange: Exchange, steps: Steps) -> bool:
        if way == "local":
            return exchange.attempt is None and await steps.here()
        if way == "cloud":
            return await steps.cloud()
        if way == "tier":
            answered = self._tier is not None and await self._tier.answered(exchange)
            if answered:
                steps.counted(CHEAPER_TIER)
            return answered
        if way == "person":
            return await steps.unsure(WAITS_FOR_A_PERSON)
        failed = exchange.route is not None and exchange.route.to == "cloud"
        return await steps.unsure(CLOUD_FAILED if failed else UNSURE)

    async def _otherwise(self, plan: Plan, exchange: Exchange, steps: Steps) -> bool:
        """Take the ways after a cloud that failed before it had begun to answer."""
        exchange.otherwise = None
        return await self.take(plan, exchange, steps)
