"""The part of a running gateway that a reload replaces: the upstreams, their routes and the limits."""

from __future__ import annotations

from insource.gateway.call.routes import Routes
from insource.gateway.http.upstream import Upstream
from insource.gateway.settings import PassThrough


class Live:
    """The settings that calls are handled by, with an open ``Upstream`` for each configured one.

    An upstream whose settings did not change is taken over from ``before``, with its connections.
    """

    def __init__(self, settings: PassThrough, before: Live | None = None) -> None:
        known = {} if before is None else before.upstreams
        self.settings = settings
        self.routes = Routes(settings.upstreams)
        self.upstreams: dict[str, Upstream] = {}
        for wanted in settings.upstreams:
            found = known.get(wanted.name)
            keep = found is not None and found.settings == wanted
            self.upstreams[wanted.name] = found if found is not None and keep else Upstream(wanted)

    def retire(self, after: Live | None = None) -> None:
        """Close the connections that ``after`` does not use; requests under way are finished first."""
        kept = set() if after is None else set(after.upstreams.values())
        for upstream in self.upstreams.values():
            if upstream not in kept:
                upstream.pool.retire()
