"""What is started to serve, predict or export: a model with its task, its policy and its version."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from insource.models.protocol import Model, Request
from insource.types import Completion, Policy, RunResult, Task
from insource.types.certified import Certified
from insource.types.ways import FieldPolicy

RUN_THE_LOOP = "Run the whole loop: insource run"


class Opened(NamedTuple):
    """A model that answers, and whether what is behind it still runs."""

    model: Model
    alive: Callable[[], bool] = lambda: True


class Deployed(NamedTuple):
    """What `insource serve`, `insource gateway`, `insource predict` and `insource export` start from.

    ``open`` opens the model called ``name``. ``ask`` makes its request for a document, ``judge`` states the
    confidence of an answer that states none, ``spelled`` returns the bytes of a token of a language
    model. ``slots`` is how many documents it answers at once; what has the same ``engine`` shares them. It is
    empty for models without one. ``folder`` has the files of a fitted model, None for the other kinds.
    ``certified`` is what the policy was certified for, and ``model_changed`` says which files are others now.
    ``fields`` is the policy for single fields, where the run has one.
    """

    result: RunResult
    task: Task
    name: str
    policy: Policy
    open: Callable[[], AbstractContextManager[Opened]]
    ask: Callable[[str], Request]
    judge: Callable[[Completion], Completion] = lambda completion: completion
    spelled: Callable[[int], bytes] | None = None
    slots: int = 1
    engine: str = ""
    folder: Path | None = None
    certified: Certified | None = None
    model_changed: str = ""
    fields: FieldPolicy | None = None

    def confidence(self, completion: Completion) -> float | None:
        """Return the confidence of an answer, as ``judge`` states it."""
        return self.judge(completion).confidence

    @property
    def version(self) -> str:
        """What names this model among others of its task."""
        return version_name(self.result)


def version_name(result: RunResult) -> str:
    """Return the run that made a model, and the arm if another one than the chosen answers."""
    run, served, choice = result.run_id, result.served, result.choice
    if served is None or choice is None or served.arm == choice.candidate:
        return run
    return f"{run}+{re.sub(r'[^a-z0-9]+', '-', served.arm.casefold())}"
