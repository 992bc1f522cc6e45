"""Every reason of a route is explained, in the guides and by `insource explain`, and no other is."""

import re
from pathlib import Path

from insource.lifecycle.explain import REASONS, meaning_of

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
ROW = re.compile(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| (?:local|cloud|as before) \|", re.MULTILINE)


def documented():
    text = "".join((GUIDES / name).read_text(encoding="utf-8") for name in ("gateway.md", "deploy.md"))
    return {reason for row in ROW.findall(text) for reason in re.findall(r"`([a-z-]+)`", row)}


def test_the_guides_and_the_command_know_the_same_reasons():
    assert documented() == set(REASONS)


def test_who_stood_in_for_the_cloud_is_said_too():
    assert meaning_of("low-confidence, recorded answer").endswith("(recorded answer)")
    assert meaning_of("never heard of") == ""
