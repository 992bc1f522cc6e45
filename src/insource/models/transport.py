"""HTTP clients. Every connection that may leave the machine is checked against the task's privacy here."""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

import httpx2

from insource.foundation.errors import UserError

Privacy = Literal["cloud-allowed", "local-only"]


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
