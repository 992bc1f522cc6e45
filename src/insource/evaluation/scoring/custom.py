"""Load a scorer of the user's own, named by ``task.scorer``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from insource.foundation.errors import ConfigError, DataError
from insource.types import Completion, Example, Score

Own = Callable[[Example, Completion], Score | Mapping[str, float]]


class CustomScorer(NamedTuple):
    """``function`` returns a whole ``Score``, or further metrics; ``digest`` is that of its source."""

    function: Own
    digest: str


def custom_scorer(said: str) -> CustomScorer:
    """Return the scorer that ``module:function`` or ``path/to/file.py:function`` names.

    Raises:
        ConfigError: ``scorer-unusable`` when there is no such function, or its module cannot be imported.
    """
    place, _, name = said.rpartition(":")
    try:
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
        function = getattr(module, name)
        source = Path(inspect.getfile(module)).read_bytes()
    except Exception as error:  # whatever the user's module raises
        raise ConfigError(
            "scorer-unusable",
            f"The scorer {said}, named by task.scorer, cannot be loaded: {type(error).__name__}: {error}",
            hint='Write scorer = "module:function" or "path/to/file.py:function" under [task].',
        ) from error
    if not callable(function):
        raise ConfigError("scorer-unusable", f"{said}, named by task.scorer, is not a function.")
    return CustomScorer(function, hashlib.sha256(source + name.encode()).hexdigest())


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"insource_scorer_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def with_own(score: Score, own: Own, example: Example, completion: Completion) -> Score:
    """Return what the user's scorer says: its ``Score``, or ``score`` with its metrics added.

    Raises:
        DataError: ``scorer-failed`` when it raises, or returns neither.
    """
    try:
        found: Any = own(example, completion)
        if isinstance(found, Score):
            return found
        metrics = {str(name): float(value) for name, value in dict(found).items()}
        if not all(map(math.isfinite, metrics.values())):
            raise ValueError(f"a metric is not a finite number: {metrics}")
    except Exception as error:  # whatever the user's function raises
        raise DataError(
            "scorer-failed",
            f"The scorer of task.scorer failed on row {example.row_id}: {type(error).__name__}: {error}",
            hint="Test it with insource.testing.check_scorer. Answers are kept; run the same command again.",
        ) from error
    return score.model_copy(update={"metrics": {**score.metrics, **metrics}})
