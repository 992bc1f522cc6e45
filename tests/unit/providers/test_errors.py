import json

import pytest

from insource.providers.errors import error_document, error_event


def test_each_dialect_has_its_own_shape():
    openai = json.loads(error_document("openai", 400, "c", "m"))
    assert openai == {"error": {"message": "m", "type": "invalid_request_error", "param": None, "code": "c"}}
    anthropic = json.loads(error_document("anthropic", 401, "c", "m"))
    assert anthropic == {"type": "error", "error": {"type": "authentication_error", "message": "m (c)"}}
    gemini = json.loads(error_document("gemini", 429, "c", "m"))
    assert gemini == {"error": {"code": 429, "message": "m (c)", "status": "RESOURCE_EXHAUSTED"}}


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "c", "invalid_request_error"),
        (429, "rate-limit", "requests"),
        (429, "insufficient_quota", "insufficient_quota"),
        (503, "c", "server_error"),
    ],
)
def test_errors_say_whose_fault_it_is(status, code, kind):
    assert json.loads(error_document("openai", status, code, "m"))["error"]["type"] == kind


def test_an_error_within_a_stream_is_an_event():
    assert error_event("openai", 502, "c", "m").startswith(b'data: {"error"')
    assert error_event("anthropic", 502, "c", "m").startswith(b'event: error\ndata: {"type":"error"')
