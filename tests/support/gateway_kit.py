"""What the gateway's tests stand on: a scripted local model and a provider on loopback."""

import asyncio
import json
import threading
from dataclasses import dataclass, field

from aiohttp import web

from insource.models.protocol import ModelInfo
from insource.types import Completion, JsonSchema, Policy, Task, Usage

TASK = Task(
    name="specs",
    instruction="Extract the specification as JSON.",
    output=JsonSchema(
        definition={
            "type": "object",
            "properties": {"voltage": {"type": ["string", "null"], "maxLength": 12}},
            "required": ["voltage"],
            "additionalProperties": False,
        }
    ),
)
POLICY = Policy(
    threshold=0.8,
    basis="guaranteed",
    max_error=0.1,
    delta=0.05,
    calibration_n=100,
    expected_local_share=0.5,
    reason="test",
)
SURE = "Pump, 480 V"
UNSURE = "Pomp, 4B0 V?"
MALFORMED = "a document the model answers with prose"
BROKEN = "a document the engine dies on"
CONFIDENCE = {'{"voltage":"480 V"}': 0.95, '{"voltage":null}': 0.3}


class Local:
    """Sure of one document, unsure of another; remembers what it was asked."""

    info = ModelInfo(name="specs-tuned", local=True)

    def __init__(self):
        self.asked = []
        self.release = threading.Event()
        self.release.set()

    def generate(self, request):
        self.asked.append(request)
        self.release.wait(10)
        document = request.messages[-1].content
        if document == BROKEN:
            raise RuntimeError("the engine is gone")
        text = {SURE: '{"voltage":"480 V"}', UNSURE: '{"voltage":null}'}.get(document, "I think 480 V.")
        return Completion(text=text, model="ignored", usage=Usage(input_tokens=20, output_tokens=7))


def confidence(completion):
    return CONFIDENCE.get(completion.text)


@dataclass
class Seen:
    method: str
    target: str
    headers: list
    body: bytes


@dataclass
class Provider:
    """An OpenAI-compatible provider in a thread; set ``answer`` to change what it says."""

    seen: list = field(default_factory=list)
    answer: object = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    async def _handle(self, request):
        body = await request.read()
        headers = [(name.decode().lower(), value.decode()) for name, value in request.raw_headers]
        self.seen.append(Seen(request.method, request.path_qs, headers, body))
        try:
            return await (self.answer or whole)(request)
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled.set()
            raise

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
        app = web.Application(handler_args={"handler_cancellation": True, "access_log": None})
        app.router.add_route("*", "/{rest:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await self._stop.wait()
        await runner.cleanup()


# Odd spacing and an unknown key on purpose: the client has to get these very bytes.
WHOLE = (
    b'{ "id":"chatcmpl-cloud","object":"chat.completion", "created":1,"model":"big-cloud-2026",'
    b'"x_unknown" : [1,2 ],"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",'
    b'"content":"{\\"voltage\\":\\"400 V\\"}","refusal":null},"logprobs":null}],'
    b'"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16,'
    b'"prompt_tokens_details":{"cached_tokens":3}}}\n'
)


async def whole(request):
    headers = {"x-request-id": "req-1", "x-ratelimit-remaining-requests": "99", "x-insource-fake": "spoofed"}
    return web.Response(body=WHOLE, content_type="application/json", headers=headers)


def delta(content=None, finish=None, **more):
    said = {} if content is None else {"content": content}
    return {
        "id": "chatcmpl-cloud",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "big-cloud-2026",
        "choices": [{"index": 0, "delta": said, "finish_reason": finish}],
        **more,
    }


STREAM = [
    b"data: " + json.dumps(delta("")).encode() + b"\n\n",
    b": keep-alive\n\n",
    b"data: " + json.dumps(delta('{"voltage":')).encode() + b"\r\n\r\n",
    b"data: " + json.dumps(delta(' "4ü0 V"}'), ensure_ascii=False).encode() + b"\n\n",
    b"data: " + json.dumps(delta(finish="stop")).encode() + b"\n\n",
    b"data: [DONE]\n\n",
]


async def stream(request, pieces=STREAM, pause_s=0.0):
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "x-request-id": "req-2"})
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(pause_s)
    await response.write_eof()
    return response
