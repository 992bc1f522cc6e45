"""A gateway whose versions are scripted models, its registry, and a cloud that says one thing."""

import itertools
import math
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx2
import openai
from support.gateway_kit import POLICY, TASK
from support.waiting import eventually

from insource.config.rollout import RolloutSection
from insource.evaluation.differences import differing
from insource.foundation.errors import UserError
from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, HttpCloud, Registered, TaskSettings, WaySettings
from insource.lifecycle.transitions import in_canary, in_shadow, nothing_deployed
from insource.models.protocol import ModelInfo
from insource.store.deployments.audits import audits_of
from insource.store.deployments.registry import deployment_of, events, open_registry, swap
from insource.types import Completion, Usage
from insource.types.deployment import DeploymentEvent, Version

RIGHT, WRONG = '{"voltage":"400 V"}', '{"voltage":"12 V"}'  # the cloud of gateway_kit says 400 V
FAST = RolloutSection(
    shares=(0.5, 1.0),
    slo=0.2,
    margin=0.3,
    alpha=0.05,
    audits_per_false_alarm=100,
    audit_usd_per_day=math.inf,
    audit_share=1.0,
    shadow_share=1.0,
    min_step_s=0,
    interval_s=0.05,
)

LADDER = """
[rollout]
shares = [0.5, 1.0]
slo = 0.2
margin = 0.3
alpha = 0.05
audit_share = 1.0
shadow_share = 1.0
min_step_s = 0
interval_s = 0.1
audit_usd_per_day = inf
"""
"""The same as ``FAST`` in a configuration; a section of more keys may follow it."""


class Says:
    """A local model that always says the same, surely; ``fails`` makes it raise."""

    def __init__(self, text, confidence=0.95):
        self.info = ModelInfo(name="scripted", local=True)
        self.text, self.confidence, self.fails, self.asked = text, confidence, False, 0

    def generate(self, request):
        self.asked += 1
        if self.fails:
            raise RuntimeError("the engine is gone")
        return Completion(
            text=self.text,
            model="scripted",
            confidence=self.confidence,
            usage=Usage(input_tokens=20, output_tokens=7),
        )


def version(name):
    return Version(
        name=f"specs@{name}",
        task="specs",
        run_id=name,
        arm="tuned",
        digest=f"digest of {name}",
        policy_digest="p",
        max_error=0.1,
    )


class Registry:
    """The registry of a folder, for a test to change and to read."""

    def __init__(self, folder):
        self.folder = folder

    def move(self, move, kind="canary"):
        with open_registry(self.folder) as registry:
            now = datetime.now(UTC)
            before = deployment_of(registry, "specs") or nothing_deployed("specs", now)
            event = DeploymentEvent(task="specs", revision=0, at=now, kind=kind, by="operator", reason="test")
            return swap(registry, move(before, now), event, expected=before.revision)

    @property
    def now(self):
        with open_registry(self.folder) as registry:
            return deployment_of(registry, "specs")

    @property
    def events(self):
        with open_registry(self.folder) as registry:
            return events(registry, "specs")

    @property
    def kinds(self):
        return [one.kind for one in self.events]


@contextmanager
def gateway(
    folder,
    recorder,
    provider,
    models,
    section=FAST,
    task=TASK,
    first="",
    opened=None,
    policy=POLICY,
    anchors=None,
    ways=None,
    compare=None,
    **more,
):
    """A gateway whose version ``name`` is answered by ``models[name]``, which may be missing.

    ``more`` are members of ``GatewaySettings``, such as ``price``.
    """
    opened = opened if opened is not None else []

    def settings_of(name):
        return TaskSettings(
            task=task,
            policy=policy,
            version=name,
            digest=f"digest of {name}",
            local=models.get(name),
            rollout=section,
            ways=ways or WaySettings(),
        )

    @contextmanager
    def opening(one):
        if one.run_id not in models:
            raise UserError("model-not-found", f"The model of {one.name} is gone.")
        opened.append(one.run_id)
        yield settings_of(one.run_id)
        opened.remove(one.run_id)

    compare = compare or differing(task)
    registered = Registered(workspace=folder, open=opening, compare=compare, anchors=anchors)
    cloud = HttpCloud(model="big-cloud", base_url=provider.url)
    own = settings_of(first)
    settings = GatewaySettings(
        recorder=recorder,
        tasks=(TaskSettings(**{**vars(own), "cloud": cloud, "registered": registered}),),
        **more,
    )
    with GatewayServer(settings) as server:
        yield server


def ask(server, document="Pump", user=None, model="specs", **more):
    """Return the answer's text, and how it was routed."""
    headers = {} if user is None else {"x-insource-user": user}
    with openai.OpenAI(base_url=server.url, api_key="sk-x", max_retries=0) as client:
        reply = client.chat.completions.with_raw_response.create(
            model=model,
            messages=[{"role": "user", "content": document}],
            extra_headers=headers,
            **more,
        )
    said = {
        name.removeprefix("x-insource-"): value
        for name, value in reply.headers.items()
        if name.startswith("x-insource-")
    }
    return reply.parse().choices[0].message.content, said


def canary(name, share=0.5):
    return lambda before, now: in_canary(before, version(name), share, now)


def shadow(name):
    return lambda before, now: in_shadow(before, version(name), now)


def until(server, true):
    """Send calls until it is true; the gateway decides in its own time."""
    count = itertools.count()

    def asked():
        if true():
            return True
        ask(server, document=f"Pump {next(count)}")
        return False

    eventually(asked)


def audits(folder, **which):
    with open_registry(folder) as registry:
        return audits_of(registry, "specs", **which)


def health(server):
    root = server.url.removesuffix("/v1")
    return httpx2.get(f"{root}/health", trust_env=False).json()["tasks"]["specs"]
