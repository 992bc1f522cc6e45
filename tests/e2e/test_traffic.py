"""Traffic to the embedded model, from the first canary to a killed gateway: read from top to bottom.

Two adapters on the embedded model answer a task of labels. The cloud is on loopback; it says what the good
adapter says, so the good one agrees with it and the bad one does not. Every client's call gets an answer.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import openai
import pytest
from aiohttp import web
from support.child_python import TESTS, python_path
from support.gateway_kit import Provider
from support.gateway_process import children, kill_with_drain, running
from support.rollouts import LADDER
from support.tuned_projects import random_adapters, tuned_project
from support.waiting import eventually
from support.walks import session_on

from insource.store.deployments.registry import deployment_of, events, open_registry
from insource.workflow.serve import deployed

pytestmark = [pytest.mark.timeout(1200)]

DOCUMENTS = tuple(
    f"{what} {when}"
    for what in ("The invoice is wrong.", "Where is my parcel?", "The pump leaks.", "I was charged twice.")
    for when in ("It was Monday.", "Since last week.", "Please hurry.", "Nobody answers.", "Again.")
)
CONFIG = """
[reference]
model = "openai/big-cloud"
base_url = "{url}"

[upstreams.openai]
base_url = "{url}"
"""
CONFIG += LADDER + "audits_per_false_alarm = 1000\ncool_down_s = 1\n"
TASK = "teams"


@pytest.fixture(scope="module")
def story(embedded_model, tmp_path_factory):
    """A project with a good and a bad run, and a cloud that says what the good one says."""
    root = tmp_path_factory.mktemp("traffic")
    good, bad = random_adapters(embedded_model, root, 2)
    folder = root / "project"
    tuned_project(folder, TASK, embedded_model, good)
    with Provider() as provider:
        config = folder / "insource.toml"
        config.write_text(config.read_text() + CONFIG.format(url=provider.url))
        runs = folder / ".insource" / "runs"
        (first,) = [one.name for one in runs.iterdir() if (one / "result.json").exists()]
        again = first.replace("abcdef", "bad000")
        result = json.loads((runs / first / "result.json").read_text())
        manifest = json.loads((runs / first / "manifest.json").read_text())
        for name, adapter in ((first, good), (again, bad)):
            result["run_id"], result["paths"]["adapter"] = name, str(adapter)
            result["routing"]["policy"]["threshold"] = 0.0
            (runs / name).mkdir(exist_ok=True)
            (runs / name / "result.json").write_text(json.dumps(result))
            (runs / name / "manifest.json").write_text(json.dumps(manifest | {"run_id": name}))
        provider.answer = cloud_of(folder, first)
        yield Story(folder, provider, first, again)


def cloud_of(folder, run):
    """Return what the cloud answers: the label that the run's own model gives."""
    found = deployed(session_on(folder), run)
    said = {}
    with found.open() as opened:
        for document in DOCUMENTS:
            said[document] = opened.model.generate(found.ask(document)).text

    async def answer(request):
        document = (await request.json())["messages"][-1]["content"]
        message = {"role": "assistant", "content": said[document]}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}
        head = {"id": "c", "object": "chat.completion", "created": 1, "model": "big-cloud-2026"}
        return web.json_response(head | {"choices": [choice], "usage": usage})

    return answer


class Story:
    def __init__(self, folder, provider, good, bad):
        self.folder, self.provider, self.good, self.bad = folder, provider, good, bad
        self.count = 0

    def insource(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "insource.cli.main", *arguments],
            cwd=self.folder,
            env=os.environ | python_path(TESTS),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def champion(self):
        with open_registry(self.folder / ".insource") as registry:
            found = deployment_of(registry, TASK)
        return found.champion and found.champion.run_id

    @property
    def kinds(self):
        with open_registry(self.folder / ".insource") as registry:
            return [one.kind for one in events(registry, TASK)]

    def ask(self, gateway):
        """Send the next document; every one gets an answer."""
        self.count += 1
        document = DOCUMENTS[self.count % len(DOCUMENTS)]
        with openai.OpenAI(base_url=f"{gateway.root}/v1", api_key="sk-x", max_retries=0) as client:
            reply = client.chat.completions.with_raw_response.create(
                model=TASK,
                messages=[{"role": "user", "content": document}],
                extra_headers={"x-insource-user": f"user {self.count}"},
                stream=False,
            )
        assert reply.parse().choices[0].message.content
        return reply.headers["x-insource-route"]

    def until(self, gateway, true):
        """Send documents until it is true; the gateway decides in its own time."""

        def asked():
            self.ask(gateway)
            return true()

        eventually(asked, 240)


def test_a_good_adapter_is_promoted_a_bad_one_withdrawn_and_a_crash_is_nobodys_error(story):
    story.insource("deploy", "canary", story.good)
    with running(story.folder) as gateway:
        story.until(gateway, lambda: story.champion == story.good)

        story.insource("deploy", "canary", story.bad)
        story.until(gateway, lambda: story.kinds[-1] == "rolled-back")
        assert story.champion == story.good
        evidence = json.loads(story.insource("deploy", "history", "--json"))[-1]["evidence"]
        assert evidence["harm_wrong"] > 0

        # The engine dies while calls are under way: they are answered all the same.
        eventually(lambda: story.ask(gateway) == "local")
        engines = [pid for pid in children(gateway.pid) if is_engine(pid)]
        routes = []
        asking = threading.Thread(target=lambda: routes.extend(story.ask(gateway) for _ in range(12)))
        asking.start()
        for pid in engines:
            os.kill(pid, signal.SIGKILL)
        asking.join(120)
        assert len(routes) == 12
        eventually(lambda: story.ask(gateway) == "local")  # the engine was started again
        kill_with_drain(gateway.pid)

    # The gateway was killed: the next one goes on where it was.
    with running(story.folder) as gateway:
        assert story.ask(gateway) == "local"
    assert story.champion == story.good
    assert story.kinds[:3] == ["canary", "advanced", "promoted"]
    told = story.insource("deploy", "status")
    assert story.good in told


def is_engine(pid):
    return b"llamacpp_child" in Path(f"/proc/{pid}/cmdline").read_bytes()
