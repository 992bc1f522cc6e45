"""A provider for benchmarks: an OpenAI-compatible chat endpoint that costs next to nothing.

``python benchmarks/fake_upstream.py PORT THINK_MS GAP_MS``. A whole answer after THINK_MS; with
``"stream":true`` in the request, 20 events GAP_MS apart.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import httptools
import uvloop

WORDS = [f"word{n} " for n in range(18)]


def _completion() -> bytes:
    message = {"role": "assistant", "content": "".join(WORDS) * 6, "refusal": None}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 600, "completion_tokens": 120, "total_tokens": 720},
            "system_fingerprint": "fp_1",
        }
    ).encode()


def _events() -> list[bytes]:
    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        }
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    said = [event({"role": "assistant", "content": ""}), *[event({"content": word}) for word in WORDS]]
    return [*said, event({}, "stop") + b"data: [DONE]\n\n"]


WHOLE = _completion()
WHOLE_REPLY = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\n"
    b"content-length: %d\r\n\r\n" % len(WHOLE)
) + WHOLE
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
)
EVENTS = [b"%x\r\n%b\r\n" % (len(event), event) for event in _events()]


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    think_s = 0.0
    gap_s = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._streamed = False

    def on_body(self, body: bytes) -> None:
        self._streamed = self._streamed or b'"stream":true' in body

    def on_message_complete(self) -> None:
        answer = self._stream if self._streamed else self._whole
        if self.think_s:
            self._loop.call_later(self.think_s, answer)
        else:
            answer()

    def _whole(self) -> None:
        self._transport.write(WHOLE_REPLY)

    def _stream(self, position: int = 0) -> None:
        if self._transport.is_closing():
            return
        if position == 0:
            self._transport.write(STREAM_HEAD)
        if position == len(EVENTS):
            self._transport.write(b"0\r\n\r\n")
            return
        self._transport.write(EVENTS[position])
        self._loop.call_later(self.gap_s, self._stream, position + 1)


async def main(port: int, think_ms: float, gap_ms: float) -> None:
    Connection.think_s, Connection.gap_s = think_ms / 1000, gap_ms / 1000
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=2048)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
