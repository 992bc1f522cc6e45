"""The one place that opens HTTP connections, and that knows which of them leave the machine."""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

import httpx2

from insource.foundation.errors import UserError

Privacy = Literal["cloud-allowed", "local-only"]


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine. A name other than ``localhost`` is not trusted to be."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_allowed(url: str, privacy: Privacy) -> None:
    """Refuse before a byte leaves: a local-only task may only speak to this machine.

    Raises:
        UserError: ``local-only``.
    """
    if privacy == "local-only" and not is_loopback(url):
        raise UserError(
            "local-only",
            f"This task is marked local-only, and {urlsplit(url).hostname} is not this machine.",
            hint='Set `privacy = "cloud-allowed"` under [task] if its documents may leave.',
        )


def client(base_url: str, *, privacy: Privacy, timeout_s: float, api_key: str | None = None) -> httpx2.Client:
    """A blocking client for one server; proxies from the environment never apply to loopback."""
    require_allowed(base_url, privacy)
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    return httpx2.Client(
        base_url=base_url, timeout=timeout_s, headers=headers, trust_env=not is_loopback(base_url)
    )
