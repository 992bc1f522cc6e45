"""HTTP to a local engine. What goes wrong is said in the engine's name."""

from __future__ import annotations

from typing import Any

import httpx2

from insource.foundation.errors import ProviderError
from insource.models.transport import Privacy, client

REQUEST_TIMEOUT_S = 300.0
# What llama.cpp and vLLM say of a prompt that does not fit into their context.
TOO_LONG = ("exceed_context_size", "maximum context length")


class EngineHttp:
    """A blocking connection to one engine; ``name`` says which, for messages.

    Raises:
        UserError: ``local-only`` when a local-only task would ask another machine.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        name: str = "The local engine",
        privacy: Privacy = "local-only",
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> None:
        self.name = name
        self._timeout_s = timeout_s
        self._client = client(base_url, privacy=privacy, timeout_s=timeout_s, api_key=api_key)

    def close(self) -> None:
        self._client.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON object of the answer; without one, an empty object. Raises as ``get``."""
        answer = self._ask("POST", path, body)
        return answer if isinstance(answer, dict) else {}

    def get(self, path: str) -> dict[str, Any]:
        """Return the JSON object of the answer; without one, an empty object.

        Raises:
            ProviderError: ``model-timeout``, ``engine-unreachable``, ``prompt-too-long`` or
                ``engine-refused``.
        """
        answer = self._ask("GET", path)
        return answer if isinstance(answer, dict) else {}

    def list(self, path: str) -> list[dict[str, Any]]:
        """Return the JSON objects of an answer that is a list. Raises as ``get``."""
        answer = self._ask("GET", path)
        return [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of the answer, None for an answer of status 200 without any."""
        if self._client.is_closed:  # its engine was replaced between two calls of another thread
            raise ProviderError("engine-unreachable", f"{self.name} was stopped.")
        try:
            response = self._client.request(method, path, json=body)
        except httpx2.TimeoutException as error:
            raise ProviderError(
                "model-timeout", f"{self.name} did not answer within {self._timeout_s:.0f} s."
            ) from error
        except httpx2.HTTPError as error:
            raise ProviderError("engine-unreachable", f"{self.name} does not answer: {error}") from error
        if response.status_code == httpx2.codes.BAD_REQUEST and any(
            said in response.text for said in TOO_LONG
        ):
            raise ProviderError(
                "prompt-too-long", f"The prompt is longer than the engine's context: {response.text[:300]}"
            )
        if response.status_code != httpx2.codes.OK:
            raise ProviderError(
                "engine-refused", f"{self.name} answered {response.status_code}: {response.text[:300]}"
            )
        try:
            return response.json()
        except ValueError:
            return None
