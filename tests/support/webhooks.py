"""A webhook on loopback that behaves as a test asks."""

import asyncio

from support.loopback_server import LoopbackServer


class Hook(LoopbackServer):
    """Answers as it is told, and keeps what it got."""

    def __init__(self, behave):
        self.behave = behave
        self.got = []

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        headers = dict(
            line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if ": " in line
        )
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body))
        try:
            await self.behave(writer)
        finally:
            writer.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook"


def answers(status, extra=""):
    async def behave(writer):
        writer.write(f"HTTP/1.1 {status} X\r\n{extra}content-length: 0\r\n\r\n".encode())
        await writer.drain()

    return behave


async def hangs(writer):
    await asyncio.sleep(60)


async def drips(writer):
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 20:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)
