"""A guarantee is about groups: the gateway hands a call that names another one to the cloud."""

from __future__ import annotations

import json

import httpx2
import pytest
from support.gateway_kit import POLICY, SURE, TASK, WHOLE, Local, Provider, confidence

from insource.gateway.server import GatewayServer
from insource.gateway.settings import GatewaySettings, HttpCloud, TaskSettings
from insource.routing.bounds.coverage import group_digest

GROUPED = POLICY.model_copy(update={"calibrated_groups": (group_digest("acme"), group_digest("globex"))})


@pytest.fixture
def provider():
    with Provider() as running:
        yield running


def post(server, metadata=None, **headers):
    body = {"model": "specs", "messages": [{"role": "user", "content": SURE}]}
    body |= {"metadata": metadata} if metadata else {}
    return httpx2.post(
        f"{server.url}/chat/completions",
        content=json.dumps(body).encode(),
        headers={"content-type": "application/json", "authorization": "Bearer k", **headers},
        trust_env=False,
        timeout=20,
    )


def gateway(recorder, cloud, policy=GROUPED):
    own = TaskSettings(task=TASK, policy=policy, confidence=confidence, local=Local(), cloud=cloud)
    return GatewayServer(GatewaySettings(recorder=recorder, tasks=(own,)))


def test_a_group_that_the_guarantee_does_not_cover_is_the_clouds(recorder, provider):
    cloud = HttpCloud(model="big-cloud", base_url=provider.url)
    with gateway(recorder, cloud) as server:
        known = post(server, **{"x-insource-group": "acme"})
        unnamed = post(server)
        new = post(server, **{"x-insource-group": "initech"})
        marked = post(server, metadata={"insource_group": "initech"})
    assert [one.headers["x-insource-reason"] for one in (known, unnamed)] == ["confident"] * 2
    assert [one.headers["x-insource-reason"] for one in (new, marked)] == ["new-group"] * 2
    assert new.content == marked.content == WHOLE
    for seen in provider.seen:  # the group is for the gateway alone
        assert not [name for name, _ in seen.headers if name.lower().startswith("x-insource")]
        assert b"initech" not in seen.body


@pytest.mark.parametrize(
    "policy",
    [POLICY, GROUPED.model_copy(update={"unit": "groups"}), GROUPED.model_copy(update={"basis": "median"})],
)
def test_where_nothing_is_withheld_the_group_changes_nothing(recorder, provider, policy):
    cloud = HttpCloud(model="big-cloud", base_url=provider.url)
    with gateway(recorder, cloud, policy) as server:
        assert post(server, **{"x-insource-group": "initech"}).headers["x-insource-reason"] == "confident"


def test_without_a_cloud_the_answer_is_served_and_says_why(recorder):
    with gateway(recorder, None) as server:
        reply = post(server, **{"x-insource-group": "initech"})
    assert (reply.status_code, reply.headers["x-insource-reason"]) == (200, "no-cloud")
