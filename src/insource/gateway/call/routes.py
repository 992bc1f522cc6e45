"""Find the upstream of a request and its kind of call, from its path and its headers alone.

/t/<task>/…        tags the call; /u/<upstream>/… selects an upstream by its configured name; a path may
                   start with both, in any order
/v1/messages…      the first upstream of the kind ``anthropic``
/openai/…          the first of the kind ``azure``
/v1beta/…          the first of the kind ``gemini``
/v1/systemone      the first ``openai`` that is not OpenAI itself, which does not serve it
/v1/…              ``anthropic`` if the caller sends its version header, else the first ``openai``

The decision uses the plain form of a path (``plain``), because upstreams accept many spellings of one path.
The path is forwarded with its own spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import unquote

from insource.gateway.http.address import UpstreamKind, UpstreamSettings
from insource.providers.endpoints import CALL_PATHS, CALL_VERBS, Endpoint
from insource.providers.errors import ApiDialect

# The known parts of OpenAI's and Anthropic's APIs below /v1, with TypeSafe's, which is OpenAI's in form.
_OPENAI = frozenset(
    (
        *("assistants", "audio", "batches", "chat", "completions", "containers", "conversations"),
        *("decisions", "embeddings", "evals", "files", "fine_tuning", "images", "models", "moderations"),
        *("responses", "systemone", "threads", "uploads", "vector_stores", "videos"),
    )
)
_ANTHROPIC = frozenset(["complete", "files", "messages", "models", "organizations", "skills"])
# A POST below these paths stores or searches something and calls no model. Only "runs" calls one.
_KEPT = frozenset(
    (
        *("assistants", "cachedcontents", "containers", "conversations", "evals", "files", "fine_tuning"),
        *("organization", "organizations", "skills", "threads", "uploads", "vector_stores"),
    )
)
_NO_CALLS = (
    "cancel",
    "count_tokens",
    "input_tokens",
    "tokenize",
    "detokenize",
    "counttokens",
    "computetokens",
)
OPENAI_HOST = "//api.openai.com"
_BATCHES = ("batches", "batchgeneratecontent", "asyncbatchembedcontent")
_VERBS = {verb.lower(): endpoint for verb, endpoint in CALL_VERBS.items()}
_GEMINI = re.compile(r"/models/(?P<model>[^/:]+):(?P<verb>\w+)$", re.I)
_DEPLOYMENT = re.compile(r"/deployments/(?P<model>.+?)(?=/)", re.I)
_VERSION = re.compile(r"v\d\w*|openai")
_NAMED = re.compile(r"/([tu])/([^/]+)(?=/)")
_PARAMETERS = re.compile(r";[^/]*")  # RFC 3986, section 3.3: servlets and some proxies drop them
_DOTS = re.compile(r"(?:^|/)\.{1,2}(?:/|$)")
_TWICE = re.compile(r"%[0-9a-fA-F]{2}|[?#\x00-\x1f\x7f]")


class UnknownRoute(Exception):
    """Nothing is at this path. The message is for the caller."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes, and what its path says about it.

    ``path`` is the request's path without the prefixes of the gateway, in its own spelling. ``endpoint`` is
    None for a request that does not call a model, and for a ``batch``, which holds many calls. ``model`` and
    ``streams`` come from the path. ``named`` means that the caller chose the upstream. ``upstream`` is None
    if none of that kind is configured.
    """

    upstream: UpstreamSettings | None
    path: str
    endpoint: Endpoint | None
    dialect: ApiDialect = "openai"
    task: str = ""
    model: str = ""
    streams: bool = False
    named: bool = False
    batch: bool = False


class Routes:
    """The paths that lead to these upstreams."""

    def __init__(self, upstreams: tuple[UpstreamSettings, ...]) -> None:
        self._by_name = {upstream.name: upstream for upstream in upstreams}
        self._first: dict[UpstreamKind, UpstreamSettings] = {}
        for upstream in upstreams:
            self._first.setdefault(upstream.kind, upstream)
        openai, anthropic = self._first.get("openai"), self._first.get("anthropic")
        # A caller's document and key for a decision model must not go to a provider that cannot answer.
        others = (one for one in upstreams if one.kind == "openai" and OPENAI_HOST not in one.base_url)
        self._system_one = next(others, None)
        # Nearly every request has one of these paths, so they are not parsed.
        self._usual = {
            f"/v1/{rest}": Destination(
                self._system_one if _is_system_one(rest) else openai, f"/v1/{rest}", endpoint
            )
            for rest, endpoint in CALL_PATHS.items()
            if endpoint != "messages"
        }
        self._messages = Destination(anthropic, "/v1/messages", "messages", "anthropic")

    def find(self, method: str, path: str, header: Callable[[str], str]) -> Destination:
        """Return where a request goes. ``path`` is percent-encoded and has no query.

        Raises:
            UnknownRoute: nothing is at this path.
        """
        if method == "POST":
            if path == "/v1/messages":
                return self._messages
            usual = self._usual.get(path)
            if usual is not None and not header("anthropic-version"):
                return usual
        task, upstream, rest = self._prefixes(path)
        named = upstream is not None
        clear = plain(rest)
        kind = upstream.kind if upstream else _kind_of(clear, header)
        if upstream is None:
            upstream = self._system_one if _is_system_one(clear) else self._first.get(kind)
        if not (named or _is_known(kind, clear)):
            raise UnknownRoute(f"There is nothing at {method} {path}.")
        dialect = cast(ApiDialect, kind if kind in get_args(ApiDialect) else "openai")
        endpoint, model, streams = _read(clear)
        batch = endpoint == "batch" and method == "POST"
        if endpoint == "batch" or method != "POST":
            endpoint = None
        return Destination(upstream, rest, endpoint, dialect, task, model, streams, named, batch)

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


def plain(path: str) -> str:
    """Return a path as an upstream may interpret it: decoded, without parameters and empty segments.

    Raises:
        UnknownRoute: the path leaves the base URL's path, or servers interpret it differently.
    """
    decoded = unquote(path).replace("\\", "/")
    if _TWICE.search(decoded):
        raise UnknownRoute("A path is encoded once, and has no control characters, ? or # in it.")
    clear = "/".join(["", *filter(None, _PARAMETERS.sub("", decoded).split("/"))])
    if _DOTS.search(clear):
        raise UnknownRoute("A path has no dot segments.")
    return clear


def _is_system_one(path: str) -> bool:
    return path.rpartition("/")[2].lower() == "systemone"


def _kind_of(clear: str, header: Callable[[str], str]) -> UpstreamKind:
    if clear.startswith("/v1/messages"):
        return "anthropic"
    if clear.startswith("/openai/"):
        return "azure"
    if clear.startswith("/v1beta/"):
        return "gemini"
    return "anthropic" if header("anthropic-version") else "openai"


def _is_known(kind: UpstreamKind, clear: str) -> bool:
    """Return whether the path belongs to the API of this kind."""
    if kind == "azure":
        return True
    if kind == "gemini":
        return clear.startswith("/v1")
    first = clear.removeprefix("/v1").removeprefix("/").partition("/")[0].lower()
    if kind == "anthropic":
        return first in _ANTHROPIC and clear.startswith("/v1/")
    return first in _OPENAI


def _read(clear: str) -> tuple[Endpoint | Literal["batch"] | None, str, bool]:
    """Return the kind of call, the model in the path, and whether the path asks for a stream."""
    if (verb := _GEMINI.search(clear)) is not None:
        called = verb["verb"].lower()
        return _VERBS.get(called) or _other([called]), verb["model"], called.startswith("stream")
    deployment = _DEPLOYMENT.search(clear)
    model = deployment["model"] if deployment else ""
    return _call(clear.lower().split("/")[1:]), model, False


def _call(segments: list[str]) -> Endpoint | Literal["batch"] | None:
    """Return the kind of call by the end of a path. Upstreams differ in what comes before the version."""
    if segments[-2:] == ["chat", "completions"]:
        return "chat"
    before = segments[:-1]
    whole = not before or _VERSION.fullmatch(before[-1]) or "deployments" in before[-2:]
    return (CALL_PATHS.get(segments[-1]) if whole else None) or _other(segments)


def _other(segments: list[str]) -> Literal["other", "batch"] | None:
    """Return ``other`` for an unknown path, so that no call to a model is left unrecorded."""
    if segments[-1] in _BATCHES:
        return "batch"
    kept = segments[-1] != "runs" and not _KEPT.isdisjoint(segments)
    return None if kept or segments[-1] in _NO_CALLS else "other"
