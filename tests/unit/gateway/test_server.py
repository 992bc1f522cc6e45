"""The address that a server listens on: a mistake in it is said, and IPv6 is an address too."""

import asyncio
import threading

import pytest

from insource.foundation.errors import PrerequisiteError
from insource.gateway.server import _GatewayServer, listening, url_of
from insource.serving.engines.llamacpp import require_free_port


def has(host):
    try:
        listening(host, 0).__enter__().close()
    except PrerequisiteError:
        return False
    return True


LOOPBACKS = [host for host in ("127.0.0.1", "::1") if has(host)]


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host", "::g"])
@pytest.mark.parametrize("probe", [require_free_port, lambda port, host: listening(host, port).__enter__()])
def test_an_address_that_this_machine_does_not_have_is_said(host, probe):
    with pytest.raises(PrerequisiteError) as caught:
        probe(8791, host)
    assert caught.value.code == "port-in-use"
    assert host in caught.value.message


@pytest.mark.parametrize("host", LOOPBACKS)
def test_a_taken_port_is_found_before_the_engine_loads(host):
    with listening(host, 0) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        assert url_of(listener).endswith(f":{port}/v1")
        with pytest.raises(PrerequisiteError):
            require_free_port(port, host)
    require_free_port(port, host)


def test_a_signal_during_a_reload_asks_for_one_more():
    """The first reload has read its settings already when the second signal comes."""
    under_way, finish = threading.Event(), threading.Event()
    read = []

    def reload():
        read.append(len(read))
        under_way.set()
        finish.wait(10)

    async def signalled():
        server = _GatewayServer(None, lambda: None, reload=reload)
        server._hang_up()
        await asyncio.to_thread(under_way.wait, 10)
        server._hang_up()
        server._hang_up()
        finish.set()
        await server._reloading

    asyncio.run(signalled())
    assert read == [0, 1]
