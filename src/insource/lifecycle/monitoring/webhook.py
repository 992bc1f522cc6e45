"""Tell a webhook of alerts: signed, with a deadline, and never in the way of the monitor.

The body is one JSON document: ``{"alerts": [...]}`` with names and figures, never the text of a document or
an answer. ``X-Insource-Signature`` is ``sha256=`` and the HMAC-SHA-256 of ``<timestamp>.<body>`` with the
shared secret, ``X-Insource-Timestamp`` the time in seconds: a receiver compares both, so that nobody can make
an alert up or send an old one again. An alert may come twice; its ``alert_id`` and ``state`` say so.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Sequence

import msgspec

from insource.foundation.clock import SYSTEM, Clock
from insource.models.transport import is_loopback
from insource.types.monitoring import Alert


def body_of(alerts: Sequence[Alert]) -> bytes:
    """Return the document that is sent."""
    sent = [alert.model_dump(mode="json", exclude={"delivered"}) for alert in alerts]
    told = [one | {"may_roll_back": alert.may_roll_back} for one, alert in zip(sent, alerts, strict=True)]
    return msgspec.json.encode({"alerts": told})


def signature(body: bytes, timestamp: str, secret: str) -> str:
    """Return the value of ``X-Insource-Signature``."""
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


def deliver(
    url: str, alerts: Sequence[Alert], *, secret: str, timeout_s: float, clock: Clock = SYSTEM
) -> str:
    """Send alerts; return why that failed, empty when the webhook accepted them.

    It returns after ``timeout_s`` at most, also when the webhook accepts the connection and then sends a byte
    a second. Redirects are not followed: the address is the one that was configured.
    """
    body = body_of(alerts)
    timestamp = str(int(clock.now().timestamp()))
    headers = {"content-type": "application/json", "x-insource-timestamp": timestamp}
    if secret:
        headers["x-insource-signature"] = signature(body, timestamp, secret)
    said: list[str] = []
    # A timeout of the client is for each read, so only a thread that is left behind bounds the whole.
    sending = threading.Thread(
        target=lambda: said.append(_post(url, body, headers, timeout_s)), name="insource-webhook", daemon=True
    )
    sending.start()
    sending.join(timeout_s)
    return said[0] if said else f"the webhook did not answer within {timeout_s:g} s"


def _post(url: str, body: bytes, headers: dict[str, str], timeout_s: float) -> str:
    import httpx2

    try:
        # A proxy of the environment would take what is for this machine to another one.
        direct = is_loopback(url)
        with httpx2.Client(timeout=timeout_s, follow_redirects=False, trust_env=not direct) as client:
            status = client.post(url, content=body, headers=headers).status_code
    except Exception as error:  # nobody would see what a thread raises
        return f"the webhook cannot be reached: {error or type(error).__name__}"
    return "" if 200 <= status < 300 else f"the webhook answered with status {status}"
