"""Admit calls by virtual keys, by the tasks these are bound to, and by tasks that stay on this machine.

A virtual key (``isk-…``) is a key of the gateway. In the forwarded request the upstream's secret replaces
it; only this process has that secret. A caller without a virtual key keeps the provider key it sent, unless
a virtual key is required.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from pydantic import SecretStr

from insource.config.sections import Config
from insource.foundation.clock import SYSTEM, Clock
from insource.foundation.errors import InsourceError, PrerequisiteError
from insource.gateway.admission.ask import Admission, AdmissionRequest
from insource.gateway.admission.ledger import KeyLedger
from insource.gateway.admission.worst_case import Unbounded, worst_case_usd
from insource.gateway.http.asgi import KEY_HEADERS, Headers
from insource.gateway.http.refused import Refused
from insource.models.transport import Privacy, is_loopback
from insource.providers.price_bound import Price
from insource.providers.regional import regional_factor
from insource.store.keys import PREFIX, Exhausted, Granted, VirtualKey

_LOG = logging.getLogger(__name__)

FRAMING = (b"content-length", b"transfer-encoding")  # one of them announces a body (RFC 9112, section 6)
NO_KEY_NEEDED = SecretStr("unused")  # for a server on loopback that needs no key


@dataclass(frozen=True)
class Access:
    """An upstream's address and the environment variable that holds its secret."""

    base_url: str
    api_key_env: str = ""


@dataclass(frozen=True)
class TaskRules:
    """Which tasks may leave the machine, and whether calls without a listed task are refused."""

    privacy: Mapping[str, Privacy]
    untagged: Literal["refuse", "allow"] = "refuse"

    @classmethod
    def of(cls, config: Config, others: Sequence[Config] = ()) -> TaskRules:
        """Return the rules of ``[gateway.tasks]`` and of the projects' tasks. The stricter rule wins."""
        privacy: dict[str, Privacy] = {name: task.privacy for name, task in config.gateway.tasks.items()}
        for own in (one.task for one in (config, *others)):
            if own.privacy == "local-only" or own.name not in privacy:
                privacy[own.name] = own.privacy
        return cls(privacy, config.gateway.untagged)

    def stays(self, asked: AdmissionRequest, task: str, *, here: bool) -> bool:
        """Return whether a call of this task must stay on this machine; ``here``: its upstream is on it.

        If any task is local-only, a call that could leave must name a listed task. An unlisted name may be
        a misspelling of the local-only task, and a missing header must not bypass the rule.

        Raises:
            Refused: ``task-required``.
        """
        if task in self.privacy:
            return self.privacy[task] == "local-only"
        if "local-only" not in self.privacy.values() or self.untagged == "allow":
            return False
        if not here and _carries_content(asked):
            named = f"names the task {task[:80]!r}, which is not listed" if task else "names no task"
            raise Refused(
                403,
                "task-required",
                f"This call {named}. A task here is local-only, so every call has to name a task of "
                "[gateway.tasks] in its x-insource-task header.",
            )
        return here

    def require_readable(self) -> None:
        """Refuse an unread prompt without a task where it may belong to a task that stays here.

        Raises:
            Refused: ``task-required``.
        """
        if "local-only" in self.privacy.values():
            raise Refused(
                403,
                "task-required",
                "This request cannot be read, so no rule can tell its task. A task here is local-only, so "
                "the call has to name its task in its x-insource-task header.",
            )


def require_key_beyond_loopback(host: str, ledger: KeyLedger) -> bool:
    """Return whether calls to a gateway on this address need a virtual key.

    Raises:
        PrerequisiteError: ``gateway-needs-key`` if they do and no key exists, so that nobody could call.
    """
    if _is_loopback_host(host):
        return False
    if not ledger.has_key():
        raise PrerequisiteError(
            "gateway-needs-key",
            f"The gateway would listen on {host}, beyond this machine, and there is no key to ask for.",
            hint="Make one first: insource keys create NAME",
        )
    return True


class KeyAdmitter:
    """Decides about every call by its key, its task and its upstream. ``price`` as ``PriceTable.dearest``."""

    def __init__(
        self,
        ledger: KeyLedger,
        *,
        rules: TaskRules,
        upstreams: Mapping[str, Access],
        price: Price,
        require_key: bool,
        environment: Mapping[str, str] = os.environ,
        clock: Clock = SYSTEM,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._upstreams = upstreams
        # Computed once, because parsing an address takes longer than the rest of most decisions.
        self._here = {"", *(name for name, access in upstreams.items() if is_loopback(access.base_url))}
        self._price = price
        self._require_key = require_key
        self._environment = environment
        self._clock = clock

    async def recognise(self, headers: Headers) -> str:
        """Refuse an unknown key, and a missing one where a key is required; see ``Admitter``."""
        key = await self._key(headers)
        return key.tasks[0] if key is not None and len(key.tasks) == 1 else ""

    async def admit(self, asked: AdmissionRequest) -> Admission:
        """Return the permission to make this call; see ``Admitter``.

        The order matters: cheap checks come first, and money is reserved last.
        """
        key = await self._key(asked.headers)
        try:
            return await self._admit(asked, key)
        except Refused as refused:
            refused.key_name = "" if key is None else key.name
            raise

    async def _admit(self, asked: AdmissionRequest, key: VirtualKey | None) -> Admission:
        task = _task(asked, key)
        here = asked.upstream in self._here
        local_only = self._rules.stays(asked, task, here=here)
        if not task and asked.unread and not here:
            self._rules.require_readable()
        if not task and asked.likely_task:  # only after the checks that need the caller's own word
            task = asked.likely_task
            local_only = local_only or self._rules.privacy.get(task) == "local-only"
        if local_only and not asked.local and not here:
            raise Refused(
                403, "local-only", f"The task {task!r} is local-only, and no model on this machine serves it."
            )
        if key is None:
            return Admission(task=task, local_only=local_only)
        return Admission(
            task=task,
            local_only=local_only,
            key_name=key.name,
            upstream_key=self._upstream_key(key, asked.upstream),
            settle=await self._hold(key, asked),
        )

    async def _key(self, headers: Headers) -> VirtualKey | None:
        secrets = virtual_keys_in(headers)
        if not secrets:
            if self._require_key:
                raise Refused(
                    401, "missing-key", f"This gateway asks for a key of its own, which begins with {PREFIX}."
                )
            return None
        try:
            found = await self._ledger.find(secrets.pop()) if len(secrets) == 1 else None
        except InsourceError as error:
            raise _unavailable(error) from error
        if found is None:
            raise Refused(401, "invalid_api_key", "This gateway does not know that key, or it was revoked.")
        return found

    def _upstream_key(self, key: VirtualKey, name: str) -> SecretStr | None:
        if not name:
            return None
        if key.upstream not in ("", name):
            raise Refused(
                403,
                "upstream-not-allowed",
                f"This key is for the upstream {key.upstream} and not for {name}.",
            )
        variable = self._upstreams[name].api_key_env if name in self._upstreams else ""
        if secret := variable and self._environment.get(variable):
            return SecretStr(secret)
        if not variable and name in self._here:
            return NO_KEY_NEEDED
        raise Refused(
            503, "upstream-key-missing", f"The gateway has no key for the upstream {name} in its environment."
        )

    async def _hold(
        self, key: VirtualKey, asked: AdmissionRequest
    ) -> Callable[[Decimal | None], Awaitable[None]]:
        """Count the call against its key, and return the function that settles it.

        An audit is the gateway's own: nobody may get an error because their answers are compared.
        """
        if not key.limited or asked.audit:
            return _settled
        worst = Decimal(0)
        if key.budget_usd is not None and asked.upstream:
            try:
                worst = worst_case_usd(asked, self._price, self._clock.now()) * self._regional(asked)
            except Unbounded as error:
                raise Refused(400, "cost-unbounded", f"{error} This key has a budget.") from error
        try:
            answer = await self._ledger.reserve(key, worst)
        except InsourceError as error:
            raise _unavailable(error) from error
        if isinstance(answer, Exhausted):
            raise _exhausted(key, answer, worst)
        return self._settler(answer) if answer.reserved_usd else _settled

    def _regional(self, asked: AdmissionRequest) -> Decimal:
        access = self._upstreams.get(asked.upstream)
        factor, _ = regional_factor(asked.model, "" if access is None else access.base_url, "")
        return Decimal(1) if factor is None else factor  # of an unknown price, the whole is settled

    def _settler(self, granted: Granted) -> Callable[[Decimal | None], Awaitable[None]]:
        async def settle(cost_usd: Decimal | None) -> None:
            try:
                await self._ledger.settle(granted, cost_usd)
            except InsourceError as error:  # the answer was sent; the worst case stays counted
                _LOG.warning("what a call cost could not be counted (%s)", error.code)

        return settle


def virtual_keys_in(headers: Headers) -> set[str]:
    """Return the virtual keys among the headers that carry API keys."""
    found = set()
    for name, value in headers:
        if name in KEY_HEADERS:
            words = value.decode("latin-1").split()  # "Bearer isk-…", or the key alone
            found |= {word for word in words if word.startswith(PREFIX)}
    return found


def _carries_content(asked: AdmissionRequest) -> bool:
    """Return whether the request could carry a document. The body of an upload is not read before."""
    if asked.method not in ("GET", "HEAD", "OPTIONS", "DELETE") or asked.body:
        return True
    framing = {name: value for name, value in asked.headers if name in FRAMING}
    return any(value != b"0" for value in framing.values())


def _task(asked: AdmissionRequest, key: VirtualKey | None) -> str:
    """Return the task of a call: the caller's tag, if its key is bound to that task.

    Raises:
        Refused: ``task-not-allowed``.
    """
    task = asked.tags.task
    if key is None or not key.tasks or not (task or _carries_content(asked)):
        return task
    if not task and len(key.tasks) == 1:
        return key.tasks[0]
    if task not in key.tasks:
        allowed = ", ".join(key.tasks)
        raise Refused(
            403,
            "task-not-allowed",
            f"This key is bound to {'the tasks ' if len(key.tasks) > 1 else 'the task '}{allowed}; "
            + (f"the call names {task[:80]!r}." if task else "the call names none (x-insource-task)."),
        )
    return task


def _exhausted(key: VirtualKey, answer: Exhausted, worst: Decimal) -> Refused:
    wait = answer.retry_after_s
    headers = [] if wait is None else [(b"retry-after", str(math.ceil(wait)).encode())]
    if answer.limit == "requests":
        problem = f"This key may make {key.requests_per_minute} requests a minute."
        return Refused(429, "rate_limit_exceeded", problem, headers)
    per = {"day": " for this day", "month": " for this month", "total": ""}[key.budget_per]
    problem = (
        f"The budget of this key{per} is ${key.budget_usd}; what is left of it does not cover the most this "
        f"call could cost, ${worst:.4f}. A smaller max_tokens lowers that."
    )
    # The official clients would retry at once, and would be refused again.
    return Refused(429, "insufficient_quota", problem, [*headers, (b"x-should-retry", b"false")])


def _unavailable(error: InsourceError) -> Refused:
    """Return the refusal for when the key store fails: without its counters no limit can be enforced."""
    return Refused(503, "keys-unavailable", f"The keys of this gateway cannot be read now ({error.code}).")


async def _settled(cost_usd: Decimal | None) -> None:
    """Do nothing, because no money was reserved."""


def _is_loopback_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
