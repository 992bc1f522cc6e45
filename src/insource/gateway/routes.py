"""Which upstream a request is for, and what kind of call it is: from path and headers, nothing else.

/t/<task>/…        tags the call; /u/<upstream>/… selects an upstream by its configured name; both
                   may stand in front, in any order
/v1/messages…      the first upstream of the kind ``anthropic``
/openai/…          the first of the kind ``azure``
/v1beta/…          the first of the kind ``gemini``
/v1/…              ``anthropic`` when the caller sends its version header, else the first ``openai``
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast, get_args
from urllib.parse import unquote

from insource.gateway.settings import Kind, UpstreamSettings
from insource.gateway.shapes import Dialect
from insource.logs.reading import Endpoint

# The parts of OpenAI's and Anthropic's APIs below /v1; anything else is nothing we know.
_OPENAI = frozenset(
    (
        *("assistants", "audio", "batches", "chat", "completions", "containers", "conversations"),
        *("embeddings", "evals", "files", "fine_tuning", "images", "models", "moderations", "responses"),
        *("threads", "uploads", "vector_stores", "videos"),
    )
)
_ANTHROPIC = frozenset(["complete", "files", "messages", "models", "organizations", "skills"])
_CALLS: dict[str, Endpoint] = {
    "chat/completions": "chat",
    "completions": "completions",
    "embeddings": "embeddings",
    "responses": "responses",
    "messages": "messages",
    "complete": "other",
    "audio/speech": "other",
    "images/generations": "other",
    "moderations": "other",
}
_AZURE = re.compile(r"/openai/(?:deployments/(?P<model>[^/]+)/|v1/)?(?P<rest>.+)")
_GEMINI = re.compile(r"/v1(?:beta|alpha)?\d*/(?:.*/)?models/(?P<model>[^/:]+):(?P<verb>\w+)")
_GEMINI_CALLS: dict[str, Endpoint] = {
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
    "embedContent": "embeddings",
    "batchEmbedContents": "embeddings",
}
_NAMED = re.compile(r"/([tu])/([^/]+)(?=/)")
_DOTS = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)")


class UnknownRoute(Exception):
    """There is nothing at this path; the message says so to the caller."""


@dataclass(frozen=True, slots=True)
class Destination:
    """``path`` is what is left without our prefixes, as it came; ``endpoint`` is None for what is no
    call to a model. ``model`` and ``streams`` are what a path says of them. ``named`` tells whether the
    caller chose the upstream. ``upstream`` is None where only a task can be meant."""

    upstream: UpstreamSettings | None
    path: str
    endpoint: Endpoint | None
    dialect: Dialect = "openai"
    task: str = ""
    model: str = ""
    streams: bool = False
    named: bool = False


class Routes:
    """The paths that lead to these upstreams."""

    def __init__(self, upstreams: tuple[UpstreamSettings, ...]) -> None:
        self._by_name = {upstream.name: upstream for upstream in upstreams}
        self._first: dict[Kind, UpstreamSettings] = {}
        for upstream in upstreams:
            self._first.setdefault(upstream.kind, upstream)
        openai, anthropic = self._first.get("openai"), self._first.get("anthropic")
        # Nearly every request is one of these: they need no parsing.
        self._usual = {
            f"/v1/{rest}": Destination(openai, f"/v1/{rest}", endpoint)
            for rest, endpoint in _CALLS.items()
            if rest not in ("messages", "complete")
        }
        self._messages = Destination(anthropic, "/v1/messages", "messages", "anthropic")

    def find(self, method: str, path: str, header: Callable[[str], str]) -> Destination:
        """Where a request goes. ``path`` is as it came, still percent-encoded, without the query.

        Raises:
            UnknownRoute: nowhere.
        """
        if method == "POST":
            if path == "/v1/messages":
                return self._messages
            usual = self._usual.get(path)
            if usual is not None and not header("anthropic-version"):
                return usual
        task, upstream, rest = self._prefixes(path)
        named = upstream is not None
        if _DOTS.search(unquote(rest)):  # it would leave the base URL's own path
            raise UnknownRoute("A path has no dot segments.")
        kind = upstream.kind if upstream else _kind_of(rest, header)
        upstream = upstream or self._first.get(kind)
        dialect = cast(Dialect, kind if kind in get_args(Dialect) else "openai")
        known, endpoint, model, streams = _READ[kind](rest)
        if not (known or named):
            raise UnknownRoute(f"There is nothing at {method} {path}.")
        if method != "POST":
            endpoint = None
        return Destination(upstream, rest, endpoint, dialect, task, model, streams, named)

    def _prefixes(self, path: str) -> tuple[str, UpstreamSettings | None, str]:
        task, upstream = "", None
        while (prefix := _NAMED.match(path)) is not None:
            name = unquote(prefix[2])
            if prefix[1] == "t":
                task = name
            elif (upstream := self._by_name.get(name)) is None:
                known = ", ".join(self._by_name) or "none"
                raise UnknownRoute(f"There is no upstream of that name here; there are: {known}.")
            path = path[prefix.end() :]
        return task, upstream, path


def _kind_of(path: str, header: Callable[[str], str]) -> Kind:
    if path.startswith("/v1/messages"):
        return "anthropic"
    if path.startswith("/openai/"):
        return "azure"
    if path.startswith("/v1beta/"):
        return "gemini"
    return "anthropic" if header("anthropic-version") else "openai"


Reading = tuple[bool, Endpoint | None, str, bool]


def _openai(path: str) -> Reading:
    rest = path.removeprefix("/v1").removeprefix("/")
    return rest.partition("/")[0] in _OPENAI, _CALLS.get(rest), "", False


def _anthropic(path: str) -> Reading:
    rest = path.removeprefix("/v1/")
    return rest.partition("/")[0] in _ANTHROPIC and rest != path, _CALLS.get(rest), "", False


def _azure(path: str) -> Reading:
    found = _AZURE.fullmatch(path)
    if found is None:
        return False, None, "", False
    return True, _CALLS.get(found["rest"]), unquote(found["model"] or ""), False


def _gemini(path: str) -> Reading:
    found = _GEMINI.fullmatch(path)
    if found is None:
        return path.startswith("/v1"), None, "", False
    verb = found["verb"]
    return True, _GEMINI_CALLS.get(verb), unquote(found["model"]), verb.startswith("stream")


_READ: dict[Kind, Callable[[str], Reading]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "azure": _azure,
    "gemini": _gemini,
}


def target_of(upstream: UpstreamSettings, prefix: str, path: str) -> str:
    """The path to ask the upstream for. OpenAI's base URLs end in the version, which callers also send."""
    if upstream.kind == "openai" and (path == "/v1" or path.startswith("/v1/")):
        path = path[3:]
    return prefix + path
