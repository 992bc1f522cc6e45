"""A small wheel with the files of the one that the invoices demo fetches: a generator and its recording."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
from pathlib import Path

from insource.demo.invoices.recording import request_key
from insource.demo.invoices.run import PRICES
from insource.demo.invoices.wheel import PROMPT, RECORDING
from insource.models.weights.wheel import KeptWheel

MODEL = "someone/cloud-model"
ASK = "Write the fields of the invoice as JSON."
LAYOUTS = {"letter-1": "train", "letter-2": "train", "table-1": "valid", "table-2": "test", "list-1": "test"}
PER_LAYOUT = 42
GENERATOR = f"""
LAYOUTS = {LAYOUTS!r}

class Made:
    def __init__(self, layout, index, number):
        self.id, self.template, self.split = f"{{layout}}-{{index:03d}}", layout, LAYOUTS[layout]
        self.text = f"Invoice {{number}} in {{layout}}\\u2028from Aalto {{number % 7}} Oy, {{number}} EUR."
        self.gold = {{
            "vendor_name": f"Aalto {{number % 7}} Oy", "invoice_number": f"AB-{{number}}",
            "invoice_date": "2026-01-31", "due_date": None, "currency": "EUR",
            "total_amount": number / 8, "tax_amount": None, "po_number": None,
        }}

def generate():
    made = [(layout, index) for index in range({PER_LAYOUT}) for layout in LAYOUTS]
    return [Made(layout, index, 1000 + number) for number, (layout, index) in enumerate(made)]
"""


def documents() -> list[dict]:
    """What the generator makes, as it is made here."""
    scope: dict = {}
    exec(GENERATOR, scope)
    return [vars(made) for made in scope["generate"]()]


def charged(number: int) -> float:
    """What the call cost at the prices that the demo states."""
    million = (700 + number - 256) * PRICES["input"] + 256 * PRICES["cached"] + 80 * PRICES["output"]
    return round(million / 1e6, 12)


def answer_to(document: dict, number: int) -> dict:
    """The recorded call: every fifth answer has a wrong total."""
    asked = {
        "model": MODEL,
        "messages": [{"role": "system", "content": ASK}, {"role": "user", "content": document["text"]}],
        "temperature": 0,
        "max_tokens": 256,
        "response_format": {"type": "json_object"},
    }
    gold = document["gold"] | ({"total_amount": 1.0} if number % 5 == 0 else {})
    return {
        "key": request_key(asked),
        "output": json.dumps(gold),
        "usage": {
            "prompt_tokens": 700 + number,
            "completion_tokens": 80,
            "total_tokens": 780 + number,
            "prompt_tokens_details": {"cached_tokens": 256},
            "cost": charged(number),
        },
        "latency_ms": 1000.0 + number,
        "provider": "Somewhere",
        "finish_reason": "stop",
        "timestamp": 1790427820.5 + number,
    }


MANIFEST = {
    "teacher_model": MODEL,
    "generation": {"temperature": 0.0, "max_tokens": 256, "response_format": {"type": "json_object"}},
}


def recording(answers: list[dict]) -> bytes:
    """The recording as the wheel has it."""
    return gzip.compress("".join(json.dumps(line) + "\n" for line in (MANIFEST, *answers)).encode())


def write_wheel(folder: Path, *, generator: str = GENERATOR, answers: bytes | None = None) -> KeptWheel:
    """Write the wheel to a folder that pip can look in. Return its pin."""
    if answers is None:
        answers = recording([answer_to(document, number) for number, document in enumerate(documents())])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "taskdistill-0.1.1-py3-none-any.whl"
    info = "taskdistill-0.1.1.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("taskdistill/__init__.py", "")
        archive.writestr("taskdistill/demos/__init__.py", "")
        archive.writestr("taskdistill/demos/invoices.py", generator)
        archive.writestr(PROMPT, ASK)
        archive.writestr(RECORDING, answers)
        metadata = "Metadata-Version: 2.1\nName: taskdistill\nVersion: 0.1.1\nRequires-Python: >=3.99\n"
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return KeptWheel(
        requirement="taskdistill==0.1.1",
        file_name=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        needs_bytes=1000,
        holds="The invoices",
    )
