"""The guide of the monitor: its settings load, its receiver works, its names are the code's."""

import re
import time
import tomllib
from pathlib import Path

import pytest

from insource.config.monitor import MonitorSection
from insource.lifecycle.drift.features import _NAMES
from insource.lifecycle.monitoring.traffic import SLICES
from insource.lifecycle.monitoring.webhook import signature

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "drift.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)\n```", GUIDE, re.DOTALL)
    return found


def test_the_settings_are_read():
    section = MonitorSection.model_validate(tomllib.loads(block("toml"))["monitor"])
    assert section.on_drift == "audit-more"


@pytest.mark.parametrize(
    ("body", "secret", "age_s", "genuine"),
    [
        (b"{}", "s3cret", 0, True),
        (b"{ }", "s3cret", 0, False),
        (b"{}", "other", 0, False),
        (b"{}", "s3cret", 3600, False),
    ],
)
def test_the_receiver_accepts_what_is_sent_and_nothing_else(body, secret, age_s, genuine):
    receiver = {}
    exec(block("python"), receiver)
    timestamp = str(int(time.time()) - age_s)
    headers = {
        "x-insource-timestamp": timestamp,
        "x-insource-signature": signature(b"{}", timestamp, "s3cret"),
    }
    assert receiver["genuine"](headers, body, secret) is genuine


@pytest.mark.parametrize("name", [*_NAMES, *SLICES])
def test_every_feature_and_slice_is_named(name):
    assert name in GUIDE
