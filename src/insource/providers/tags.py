"""What a caller says about a call: its task, the version of its prompt, the feature, the user, the group."""

from __future__ import annotations

from dataclasses import dataclass

HEADER = "x-insource-"
"""What the headers of ours begin with, in requests and in replies."""


@dataclass(frozen=True)
class Tags:
    """The tags of one call, as ``Call`` has them; empty where the caller says nothing.

    ``group`` is the group of the document, as the rows of the dataset name it. It is not kept.
    """

    task: str = ""
    feature: str = ""
    prompt_version: str = ""
    user: str = ""
    group: str = ""
