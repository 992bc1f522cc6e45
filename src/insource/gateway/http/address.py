"""Where an upstream is, and how it is talked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

UpstreamKind = Literal["openai", "anthropic", "azure", "gemini"]


class Address(NamedTuple):
    """Where an upstream is; ``prefix`` goes before every path."""

    tls: bool
    host: str
    port: int
    prefix: str

    @classmethod
    def of(cls, base_url: str) -> Address:
        """The address of an ``http`` or ``https`` URL.

        Raises:
            ValueError: for any other, one without a host, or one with a user, a query or a fragment.
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
        """The value of ``host``; the scheme's own port is left out, an IPv6 address is in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.tls else 80)
        return (host if usual else f"{host}:{self.port}").encode("ascii")


@dataclass(frozen=True, kw_only=True)
class UpstreamSettings:
    """A provider. ``base_url`` is what its own clients are given, for the kind ``openai`` the version
    included. Times are in seconds: ``timeout_s`` is the longest silence. ``retries`` only ever repeats
    what is safe to repeat."""

    name: str
    kind: UpstreamKind = "openai"
    base_url: str = "https://api.openai.com/v1"
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    retries: int = 0
