"""Errors of the gateway in the format of the client's API dialect."""

from __future__ import annotations

from typing import Literal

import msgspec

ApiDialect = Literal["openai", "anthropic", "gemini"]

_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
}
_GEMINI = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_document(dialect: ApiDialect, status: int, code: str, message: str) -> bytes:
    """Return the body of an error. Source: the error pages of the three providers' API references."""
    if dialect == "anthropic":
        kind = _ANTHROPIC.get(status, "invalid_request_error" if status < 500 else "api_error")
        body = {"type": "error", "error": {"type": kind, "message": f"{message} ({code})"}}
    elif dialect == "gemini":
        kind = _GEMINI.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
        body = {"error": {"code": status, "message": f"{message} ({code})", "status": kind}}
    else:
        body = {
            "error": {"message": message, "type": _openai_type(status, code), "param": None, "code": code}
        }
    return msgspec.json.encode(body)


def error_event(dialect: ApiDialect, status: int, code: str, message: str) -> bytes:
    """Return the stream event that reports an error after streaming has begun."""
    data = b"data: " + error_document(dialect, status, code, message) + b"\n\n"
    return b"event: error\n" + data if dialect == "anthropic" else data


def _openai_type(status: int, code: str) -> str:
    if code == "insufficient_quota":
        return code
    if status == 429:
        return "requests"
    return "invalid_request_error" if status < 500 else "server_error"
