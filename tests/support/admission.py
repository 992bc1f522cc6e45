"""The caller, the upstreams and the price that admission is tested with, here and in other processes."""

import json
from decimal import Decimal

from insource.gateway.admission.ask import AdmissionRequest
from insource.gateway.admission.keys import Access
from insource.providers.tags import Tags

CENT = Decimal("0.01")
ENVIRONMENT = {"OPENAI_API_KEY": "sk-the-upstream-secret", "EMPTY": ""}
UPSTREAMS = {
    "openai": Access("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": Access("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "here": Access("http://127.0.0.1:8000/v1"),
    "open": Access("https://models.example/v1"),
}


def a_cent_a_call(model, usage, at):
    return CENT if model == "toy" else None


def asked(secret=None, *, header=b"authorization", task="", upstream="openai", **more):
    document = {"model": "toy", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}
    value = b"" if secret is None else secret.encode()
    fields = {
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [(header, b"Bearer " + value if header == b"authorization" else value)],
        "body": json.dumps(document).encode(),
        "document": document,
        "tags": Tags(task=task),
        "upstream": upstream,
        "endpoint": "chat",
        "model": "toy",
    }
    return AdmissionRequest(**fields | more)
