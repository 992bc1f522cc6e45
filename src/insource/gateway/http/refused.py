"""The error that refuses a request, with the answer to its caller."""

from __future__ import annotations

from insource.gateway.http.asgi import Headers


class Refused(Exception):
    """The request is not admitted, or it is not a valid call.

    ``status``, ``code`` and ``message`` become an error document in the provider's format. ``headers`` are
    added to the answer, such as ``(b"retry-after", b"20")``. ``key_name`` is recorded as that of an
    ``Admission``.
    """

    def __init__(self, status: int, code: str, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers: Headers = headers or []
        self.key_name = ""
