"""Which paths of the providers' APIs call a model, and what kind of call each of them is."""

from __future__ import annotations

import re
from typing import Literal, get_args

Endpoint = Literal[
    "chat",
    "completions",
    "responses",
    "embeddings",
    "messages",
    "generate_content",
    "decisions",
    "other",
]
ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)

CALL_PATHS: dict[str, Endpoint] = {
    "chat/completions": "chat",
    "completions": "completions",
    "responses": "responses",
    "embeddings": "embeddings",
    "messages": "messages",
    "decisions": "decisions",
    "systemone": "decisions",
}
"""The ends of the paths of the APIs of OpenAI, Anthropic and TypeSafe; the version stands before them."""

CALL_VERBS: dict[str, Endpoint] = {
    "rawPredict": "messages",  # Anthropic's models at Google
    "streamRawPredict": "messages",
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
    "embedContent": "embeddings",
    "batchEmbedContents": "embeddings",
}
"""What follows the colon in a path of Google's APIs: ``…/models/<model>:<verb>``."""

_LATER = re.compile(r".*/responses/[^/]+(?P<cancel>/cancel)?")
# The clients that are wrapped do not ask Google for embeddings.
_WRAPPED_VERBS = {verb: kind for verb, kind in CALL_VERBS.items() if kind != "embeddings"}
_WRAPPED = [
    (re.compile(f".*{mark}{re.escape(ending)}"), endpoint)
    for mark, table in (("/", CALL_PATHS), (":", _WRAPPED_VERBS))
    for ending, endpoint in table.items()
]


def brings_response(method: str, path: str) -> bool:
    """Return whether the answer to a request is a response that an earlier call has started."""
    found = _LATER.fullmatch(path)
    return found is not None and method == ("POST" if found["cancel"] else "GET")


def wrapped_endpoint(method: str, path: str) -> Endpoint | None:
    """Return the kind of call that a wrapped client makes, None for a request that calls no model.

    The client chose the path, so its end is enough. The gateway reads a path more strictly, because any
    caller may spell one (``gateway/call/routes.py``).
    """
    if method != "POST":
        return None
    return next((endpoint for pattern, endpoint in _WRAPPED if pattern.fullmatch(path)), None)
