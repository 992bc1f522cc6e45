"""Admit callers by the key that `insource serve` prints at its start, or by a virtual key."""

from __future__ import annotations

import hmac
import secrets

from insource.gateway.admission.ask import Admission, AdmissionRequest, AdmitAll, Admitter
from insource.gateway.admission.keys import virtual_keys_in
from insource.gateway.http.asgi import KEY_HEADERS, Headers
from insource.gateway.http.refused import Refused


class SessionKey:
    """Admits who sends ``secret``, and asks ``otherwise`` about callers with a virtual key.

    A key is always required, so neither another user of the machine nor a web page can ask the model.
    """

    def __init__(self, otherwise: Admitter) -> None:
        self.secret = secrets.token_urlsafe(24)
        self._otherwise = otherwise
        self._admit_all = AdmitAll()

    async def recognise(self, headers: Headers) -> str:
        """Refuse callers without a key; see ``Admitter``."""
        if self._sent_in(headers):
            return ""
        if not virtual_keys_in(headers):
            message = "Send the key that `insource serve` printed, or a virtual key, as a bearer token."
            raise Refused(401, "missing-key", message)
        return await self._otherwise.recognise(headers)

    async def admit(self, asked: AdmissionRequest) -> Admission:
        """Return the permission to make this call; see ``Admitter``."""
        if self._sent_in(asked.headers):
            return await self._admit_all.admit(asked)
        await self.recognise(asked.headers)
        return await self._otherwise.admit(asked)

    def _sent_in(self, headers: Headers) -> bool:
        right = self.secret.encode()
        words = [word for name, value in headers if name in KEY_HEADERS for word in value.split()]
        return any(hmac.compare_digest(word, right) for word in words)
