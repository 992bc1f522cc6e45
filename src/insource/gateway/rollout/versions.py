"""The open versions of a task, opened and closed as the registry needs them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack

from insource.foundation.errors import InsourceError
from insource.gateway.settings import Registered, TaskSettings
from insource.gateway.tasks.answerer import Answerer
from insource.types.deployment import Version

_LOG = logging.getLogger(__name__)
RETRY_S = 30.0
"""How long a version that could not be opened is left alone."""

MakeAnswerer = Callable[[TaskSettings], Answerer]


class Versions:
    """Opens each version once. ``first`` is the one that the gateway was opened with."""

    def __init__(self, registered: Registered, first: Answerer, make: MakeAnswerer) -> None:
        self._registered, self._first, self._make = registered, first, make
        self._open: dict[str, tuple[Answerer, ExitStack]] = {}
        self._unusable: dict[str, str] = {}
        self._tried_at = 0.0

    def of(self, version: Version | None) -> Answerer | None:
        """Return the open version; None if there is none, or if it cannot be opened now."""
        if version is None:
            return None
        if version.digest == self._first.own.digest and self._first.local is not None:
            return self._first
        if version.digest not in self._open:
            self._tried_at = time.monotonic()
            stack = ExitStack()
            try:
                found = self._make(stack.enter_context(self._registered.open(version)))
            except Exception as error:  # whatever is wrong with one version, the others go on
                stack.close()
                if not isinstance(error, InsourceError):
                    _LOG.error("%s cannot be opened", version.name, exc_info=error)
                said = (
                    error.message if isinstance(error, InsourceError) else f"{type(error).__name__}: {error}"
                )
                self._unusable[version.digest] = said
                return None
            self._unusable.pop(version.digest, None)
            self._open[version.digest] = found, stack
        return self._open[version.digest][0]

    def why_not(self, version: Version) -> str:
        """Return why a version could not be opened, empty if it is open."""
        return self._unusable.get(version.digest, "")

    @property
    def retry_due(self) -> bool:
        """Return whether it is time to try again what could not be opened."""
        return bool(self._unusable) and time.monotonic() - self._tried_at >= RETRY_S

    def close_unused(self, used: Collection[str]) -> None:
        """Close what has none of these digests, once its calls are answered."""
        for digest in [one for one in self._open if one not in used]:
            line = self._open[digest][0].line
            if not (line.under_way or line.waiting):
                self._close(digest)
        for digest in [one for one in self._unusable if one not in used]:
            del self._unusable[digest]

    def close(self) -> None:
        """Close every version that was opened here."""
        for digest in list(self._open):
            self._close(digest)

    def _close(self, digest: str) -> None:
        answerer, stack = self._open.pop(digest)
        answerer.line.close()
        with contextlib.suppress(InsourceError):  # an engine that ended by itself
            stack.close()
