"""One question to a gateway, the answer a provider has for it, and what is on record of it."""

import json
import time

import httpx2
from support.upstream_kit import calls_of

KEY = "sk-" + "callers0own0key0that0nobody0keeps"
CHAT = "/v1/chat/completions"
GEMINI = "/v1beta/models/gemini-3-flash:generateContent"
ASK = b'{"model":"m" , "messages":[{"role":"user","content":"480 V?"}]}'
STREAMING = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"480 V?"}]}'
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
ANSWER = json.dumps(
    {
        "model": "m-1",
        "choices": [{"index": 0, "message": {"content": "480 V"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()


def event(content=None, finish=None, **more):
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m-1", "choices": [choice], **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def post(root, body=ASK, path=CHAT, method="POST", **headers):
    fields = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx2.Client(trust_env=False, timeout=20) as client:
        return client.request(method, root + path, content=body, headers=fields)


def only(recorder):
    (call,) = calls_of(recorder)
    return call


def eventually(recorder, count=1):
    for _ in range(300):
        if len(calls := calls_of(recorder)) >= count:
            return calls
        time.sleep(0.02)
    raise AssertionError("nothing was recorded")
