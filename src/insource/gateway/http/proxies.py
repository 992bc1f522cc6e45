"""Open a connection to an upstream, through the proxy of the environment if there is one.

``HTTPS_PROXY`` and ``NO_PROXY`` have their usual meaning. An upstream on this machine, or one without TLS, is
never reached through a proxy.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from insource.gateway.http.address import Address
from insource.models.transport import is_loopback

_HEAD_BYTES = 16 << 10


async def open_transport(
    loop: asyncio.AbstractEventLoop,
    make: Callable[[], asyncio.BaseProtocol],
    address: Address,
    tls: ssl.SSLContext | None,
) -> asyncio.StreamWriter | None:
    """Connect the protocol that ``make`` returns, with TLS unless ``tls`` is None.

    Return the writer of a proxy's tunnel, or None. The caller keeps it as long as the connection, because the
    tunnel is closed when the writer is garbage-collected.

    Raises:
        OSError: no connection could be made, or the proxy refused. ``ssl.SSLError`` is a subclass.
    """
    proxy = proxy_for(address) if tls is not None else None
    if proxy is None:
        name = address.host if tls is not None else None
        await loop.create_connection(make, address.host, address.port, ssl=tls, server_hostname=name)
        return None
    assert tls is not None
    writer = await _tunnel(proxy, address)
    protocol = make()
    secured = await loop.start_tls(writer.transport, protocol, tls, server_hostname=address.host)
    if secured is None:
        raise OSError("the connection was closed while TLS was negotiated")
    protocol.connection_made(secured)
    return writer


def proxy_for(address: Address) -> str | None:
    """Return the URL of the environment's proxy for this upstream, or None."""
    if is_loopback(f"https://{address.host_header.decode()}"):
        return None
    if proxy_bypass(address.host):
        return None
    found = getproxies()
    return found.get("https") or found.get("all")


async def _tunnel(proxy: str, address: Address) -> asyncio.StreamWriter:
    """Open a tunnel to the upstream with ``CONNECT`` (RFC 9110, section 9.3.6)."""
    url = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if url.scheme != "http" or not url.hostname:
        raise OSError(f"a proxy is reached by http://, not {url.scheme}://")
    reader, writer = await asyncio.open_connection(url.hostname, url.port or 80, limit=_HEAD_BYTES)
    target = f"{address.host}:{address.port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if url.username:
        secret = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}")
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise OSError("the proxy gave no answer") from error
    status = head.split(b" ", 2)[1:2]
    if status != [b"200"]:
        writer.close()
        raise OSError(f"the proxy refused with {head.splitlines()[0].decode('latin-1')}")
    return writer
