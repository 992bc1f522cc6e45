"""HTTP clients. Every connection that may leave the machine is checked against the task's privacy here."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2

from insource.foundation.clock import SYSTEM
from insource.foundation.errors import ProviderError, UserError

Privacy = Literal["cloud-allowed", "local-only"]

ATTEMPTS = 4
LIMITED_ATTEMPTS = 6
"""Attempts where the provider says that there are too many calls: waiting helps."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
DOCUMENT_REFUSED = frozenset({400, 413, 422})  # the document is refused, not the account
TIMEOUT = "provider-timeout"
OF_THE_DOCUMENT = frozenset({"document-refused", "provider-bad-answer", TIMEOUT})
"""Codes of errors about one document: it has no answer, and the next one may have one."""

RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: ``localhost`` or a loopback address.

    Other names are not resolved.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_allowed(url: str, privacy: Privacy) -> None:
    """Check that a task with this privacy setting may contact ``url``, before anything is sent.

    Raises:
        UserError: ``local-only`` when a local-only task would contact another machine.
    """
    if privacy == "local-only" and not is_loopback(url):
        raise UserError(
            "local-only",
            f"This task is local-only, but {urlsplit(url).hostname} is not this machine.",
            hint='Set `privacy = "cloud-allowed"` under [task] if its documents may leave this machine.',
        )


def client(base_url: str, *, privacy: Privacy, timeout_s: float, api_key: str | None = None) -> httpx2.Client:
    """Return a blocking client for one server. Proxies from the environment never apply to loopback.

    Raises:
        UserError: ``local-only``, as ``require_allowed``.
    """
    require_allowed(base_url, privacy)
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    return httpx2.Client(
        base_url=base_url, timeout=timeout_s, headers=headers, trust_env=not is_loopback(base_url)
    )


def json_of(response: httpx2.Response, name: str) -> dict[str, Any]:
    """Return the JSON object of a provider's answer.

    Raises:
        ProviderError: ``provider-bad-answer``.
    """
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProviderError(
            "provider-bad-answer", f"The answer of {name} is no JSON object: {said_by(response)}"
        )
    return answer


def said_by(response: httpx2.Response) -> str:
    """Return how a provider's answer begins, for a message; the caller's key is left out of it."""
    key = response.request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    text = response.text.replace(key, "[secret:key]") if key else response.text
    return text[:200]


def post(http: httpx2.Client, path: str, body: Mapping[str, Any], *, name: str) -> httpx2.Response:
    """Send a request that is safe to repeat, and return the answer with a status of success.

    A busy provider is asked again, up to ``ATTEMPTS`` times in all (``LIMITED_ATTEMPTS`` at status 429),
    after the time that it names in ``Retry-After`` (RFC 9110, section 10.2.3), else after twice the last
    pause. ``name`` is the model's.

    Raises:
        ProviderError: ``document-refused`` when only this request is refused, ``provider-refused`` with the
            status and the provider's message, ``provider-timeout``, ``provider-unreachable``.
    """
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, LIMITED_ATTEMPTS + 1):
        wait_s = pause_s
        try:
            response = http.post(path, json=body)
        except httpx2.HTTPError as error:
            if attempt >= ATTEMPTS:
                raise _unanswered(error, name) from error
        else:
            if response.is_success:
                return response
            asked_s = retry_after_s(response.headers)
            wait_s = pause_s if asked_s is None else asked_s
            attempts = LIMITED_ATTEMPTS if response.status_code == 429 else ATTEMPTS
            _require_repeatable(response, name, last=attempt >= attempts or wait_s > LONGEST_PAUSE_S)
        time.sleep(wait_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    raise AssertionError("the last attempt either returns or raises")


def _unanswered(error: httpx2.HTTPError, name: str) -> ProviderError:
    if isinstance(error, httpx2.ReadTimeout):
        return ProviderError(
            "provider-timeout",
            f"{name} did not answer this document in time, asked {ATTEMPTS} times",
            hint="Run the same command again later; finished answers are kept.",
        )
    return ProviderError(
        "provider-unreachable",
        f"{name} does not answer: {error or type(error).__name__}",
        hint="Check the network and its base_url in insource.toml.",
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds ``Retry-After`` or ``Retry-After-Ms`` asks to wait; None without either."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            seconds = float(text) / unit
        except ValueError:
            try:
                seconds = (parsedate_to_datetime(text) - SYSTEM.now()).total_seconds()
            except (ValueError, TypeError):  # no date, or one without a time zone
                continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    return None


def _require_repeatable(response: httpx2.Response, name: str, *, last: bool) -> None:
    said = f"{response.status_code}: {said_by(response)}"
    if response.status_code in DOCUMENT_REFUSED:
        raise ProviderError("document-refused", f"{name} refused this document ({said})")
    if response.status_code not in RETRIED or last:
        raise ProviderError(
            "provider-refused",
            f"{name} answered {said}",
            hint="Check the key named by its api_key_env, the model's name and the quota.",
        )
