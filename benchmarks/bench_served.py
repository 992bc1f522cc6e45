"""How long the chosen model of a finished run takes to answer, by itself and through the gateway.

Name the folder of a project with a finished run, such as one that `insource demo` made. Its test documents
are answered one after the other, in this process and by `insource gateway` over one connection on loopback.
For a fitted model, the targets are those of the classical arms: a label in 1 ms, a document in 15 ms.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
from claims import Claims, parser

from insource.cli.options import open_session
from insource.dataset.saved.folder import examples, folder_name
from insource.types import Labels
from insource.workflow.serve import Deployed, deployed

LABEL_MS, FIELDS_MS = 1.0, 15.0
QUICK, FULL = 100, 2_000
WARM = 5


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("project", type=Path, help="folder with insource.toml and a finished run")
    options = arguments.parse_args()
    session = open_session(options.project / "insource.toml", {}, quiet=True)
    found = deployed(session)
    dataset = session.project.datasets_path / folder_name(found.result.dataset)
    documents = [example.input for example in examples(dataset, "test")][: QUICK if options.quick else FULL]
    claims = Claims()
    with found.open() as opened:
        model = opened.model
        alone = milliseconds(documents, lambda document: model.generate(found.ask(document)))
    with gateway(options.project, found) as ask:
        through = milliseconds(documents, ask)
    target = LABEL_MS if isinstance(found.task.output, Labels) else FIELDS_MS
    target = target if found.folder else None
    for name, taken in (("model", alone), ("model and gateway", through)):
        claims.add(f"{found.name}, {name}: median", float(np.median(taken)), "ms", at_most=target)
        claims.add(f"{found.name}, {name}: p99", float(np.quantile(taken, 0.99)), "ms")
        target = None  # the gateway's own time has its benchmark
    claims.write(options.json)


def milliseconds(documents: list[str], answer: Callable[[str], object]) -> list[float]:
    """The time of each answer, after a few that are not counted."""
    for document in documents[:WARM]:
        answer(document)
    taken = []
    for document in documents:
        begun = time.perf_counter()
        answer(document)
        taken.append(1e3 * (time.perf_counter() - begun))
    return taken


@contextmanager
def gateway(project: Path, found: Deployed) -> Iterator[Callable[[str], object]]:
    """Run `insource gateway` and yield the function that asks it; an escalated answer ends the benchmark."""
    command = [sys.executable, "-m", "insource.cli.main", "gateway", found.result.run_id, "--port", "0"]
    process = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    ready = next(line for line in process.stderr if line.startswith("Gateway on "))
    with httpx2.Client(trust_env=False, timeout=60) as client:

        def ask(document: str) -> None:
            body = {"model": found.task.name, "messages": [{"role": "user", "content": document}]}
            answer = client.post(f"{ready.split()[-1]}/chat/completions", json=body)
            if answer.status_code != 200 or answer.headers["x-insource-route"] != "local":
                sys.exit(f"error: the gateway did not answer here: {json.dumps(dict(answer.headers))}")

        try:
            yield ask
        finally:
            process.terminate()
            process.communicate()


if __name__ == "__main__":
    main()
