"""A running gateway for the tests of the ways of an answer, and calls to it."""

import json
from contextlib import contextmanager

import httpx2
from support.gateway_kit import POLICY, TASK, confidence

from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, HttpCloud, TaskSettings

KEY = "sk-" + "callers0own0key0that0nobody0keeps"


class Reached:
    """A running gateway, asked over HTTP."""

    def __init__(self, server):
        self.url = server.url

    def post(self, path, body, **headers):
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}", **headers}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = self.url.removesuffix("/v1") + path
        return httpx2.post(url, content=content, headers=headers, trust_env=False, timeout=20)

    def get(self, path):
        return httpx2.get(self.url.removesuffix("/v1") + path, trust_env=False, timeout=20)


@contextmanager
def gateway(recorder, local=None, cloud=None, all_calls=None, **changes):
    given = {"task": TASK, "policy": POLICY, "confidence": confidence} | changes
    own = TaskSettings(local=local, cloud=cloud, **given)
    settings = GatewaySettings(recorder=recorder, tasks=(own,), **(all_calls or {}))
    with GatewayServer(settings) as server:
        yield Reached(server)


def http_cloud(provider, model="big-cloud", **more):
    return HttpCloud(model=model, base_url=provider.url, **more)


def ask(document, model="specs", **more):
    return {"model": model, "messages": [{"role": "user", "content": document}], **more}


def post(server, body, **headers):
    return server.post("/v1/chat/completions", body, **headers)
