"""What the tokens of an answer say about each of its fields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from insource.routing.tokens.replay import Decision
from insource.types import TokenEvidence

LEAST_LOG = math.log(1e-6)
"""log p̂ of a token that the grammar forbids, or nearly does: finite, so that it can be averaged."""

_INDEX = re.compile(r"\[\d+\]")


def contract_path(path: str) -> str:
    """Return the path of a field in its contract: ``lines[2].qty`` is ``lines[].qty``."""
    return _INDEX.sub("[]", path)


def evidence_of(decisions: Mapping[str, Sequence[Decision]]) -> dict[str, TokenEvidence]:
    """Return the evidence by the path of the contract; ``decisions`` are by the path in the answer."""
    together: dict[str, list[Decision]] = {}
    for path, found in decisions.items():
        together.setdefault(contract_path(path), []).extend(found)
    return {path: _evidence(found) for path, found in together.items()}


def _evidence(found: Iterable[Decision]) -> TokenEvidence:
    branching = list(found)
    if not branching:
        return TokenEvidence()
    logs = [_log(one.sure) for one in branching]
    ordered, first = sorted(logs), branching[0]
    return TokenEvidence(
        branches=len(logs),
        least=ordered[0],
        mean=sum(logs) / len(logs),
        tenth=_quantile(ordered, 0.1),
        quarter=_quantile(ordered, 0.25),
        total=sum(logs),
        first=logs[0],
        margin=logs[0] - _log(first.runner_up),
        mass=min(one.mass for one in branching),
        entropy=max(one.entropy for one in branching),
    )


def _log(probability: float) -> float:
    return math.log(probability) if probability > 1e-6 else LEAST_LOG


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile by linear interpolation, as numpy's default does; numpy is slow on a few numbers."""
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])
