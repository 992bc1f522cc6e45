"""What a caller says about a call: its task, the version of its prompt, the feature and the user."""

from __future__ import annotations

from dataclasses import dataclass

HEADER = "x-insource-"
"""What the headers of ours begin with, in requests and in replies."""


@dataclass(frozen=True)
class Tags:
    """The tags of one call, as ``Call`` has them; empty where the caller says nothing."""

    task: str = ""
    feature: str = ""
    prompt_version: str = ""
    user: str = ""
