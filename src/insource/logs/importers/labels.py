"""Task, feature and user labels in the free-form metadata that tools let their users attach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from insource.formats.values import first, items, text

_TASK = ("task", "insource_task", "insource-task")
_FEATURE = ("feature", "insource_feature", "insource-feature")
_PROMPT_VERSION = ("prompt_version", "insource_prompt_version", "insource-prompt-version")
_USER = ("user", "user_id", "userId", "end_user", "insource_user", "insource-user")


def labels(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``task``, ``feature``, ``prompt_version`` and ``user`` from the metadata, and the rest as tags.

    Only plain values become tags; nested values stay in the raw record.
    """
    named = {
        "task": text(first(metadata, *_TASK)),
        "feature": text(first(metadata, *_FEATURE)),
        "prompt_version": text(first(metadata, *_PROMPT_VERSION)),
        "user": text(first(metadata, *_USER)),
    }
    taken = {*_TASK, *_FEATURE, *_PROMPT_VERSION, *_USER}
    tags = {str(key): text(value) for key, value in metadata.items() if key not in taken and text(value)}
    return {**named, "tags": tags}


def tag_list(value: Any) -> dict[str, str]:
    """Convert a list of tags: ``["beta", "eu"]`` becomes ``{"beta": "yes", "eu": "yes"}``."""
    return {tag: "yes" for tag in map(text, items(value)) if tag}


def known(**values: Any) -> dict[str, str]:
    """Return tags for the values that are not empty."""
    return {name: shown for name, value in values.items() if (shown := text(value))}
