"""A server on loopback that runs in a thread of its own while a test talks to it."""

import asyncio
import threading


class LoopbackServer:
    """A subclass says in ``serve(reader, writer)`` what a connection gets; ``port`` is known inside the
    block. What is under way when the block ends is cancelled."""

    port = 0
    tls = None  # a server's ssl.SSLContext

    def __enter__(self):
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _main(self, ready):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._open = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=1 << 20, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await asyncio.sleep(0.05)  # the transports close on the loop's next turns

    async def _connected(self, reader, writer):
        self._open.add(asyncio.current_task())
        try:
            await self.serve(reader, writer)
        finally:
            self._open.discard(asyncio.current_task())
