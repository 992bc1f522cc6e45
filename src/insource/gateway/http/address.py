"""The address and the settings of an upstream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

UpstreamKind = Literal["openai", "anthropic", "azure", "gemini"]


class Address(NamedTuple):
    """The address of an upstream; ``prefix`` comes before every path."""

    tls: bool
    host: str
    port: int
    prefix: str

    @classmethod
    def of(cls, base_url: str) -> Address:
        """Return the address of an ``http`` or ``https`` URL.

        Raises:
            ValueError: for another scheme, without a host, or with a user, a query or a fragment.
        """
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError("a base URL starts with https:// or http:// and names a host")
        if url.username or url.query or url.fragment:
            raise ValueError("a base URL has no user, no query and no fragment")
        tls = url.scheme == "https"
        return cls(tls, url.hostname, url.port or (443 if tls else 80), url.path.rstrip("/"))

    @property
    def host_header(self) -> bytes:
        """Return the ``host`` header, without the scheme's default port; IPv6 addresses in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.tls else 80)
        return (host if usual else f"{host}:{self.port}").encode("ascii")


@dataclass(frozen=True, kw_only=True)
class UpstreamSettings:
    """The settings of one provider.

    ``base_url`` is the URL that the provider's own clients use; for the kind ``openai`` it includes the
    version. Times are in seconds. ``timeout_s`` is the longest time without a byte. ``retries`` applies only
    to requests that are safe to repeat.
    """

    name: str
    kind: UpstreamKind = "openai"
    base_url: str = "https://api.openai.com/v1"
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    retries: int = 0
