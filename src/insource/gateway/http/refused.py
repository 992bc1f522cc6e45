"""A request that is refused, and what its caller is told."""

from __future__ import annotations

from insource.gateway.http.asgi import Headers


class Refused(Exception):
    """No leave, or no call at all. ``code`` and ``message`` go into an error of the provider's own shape.

    ``headers`` are added to it, such as ``(b"retry-after", b"20")``. ``key_name`` is for the log, as that of
    an ``Admission``.
    """

    def __init__(self, status: int, code: str, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers: Headers = headers or []
        self.key_name = ""
