"""How the training targets spell that there is nothing: at each path null, no key, or an empty container."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from insource.arms.classical.spans.samples import Sample
from insource.contract.places import Place
from insource.matching.align import is_empty
from insource.models.fitted.spans.assembly import Empty
from insource.models.fitted.spans.fields import ITEM, Path, properties_of

_MAX_DEPTH = 12


def container_forms(samples: Sequence[Sample]) -> dict[Path, str]:
    """Return the most common form of nothing at each path where targets have one."""
    counts: dict[Path, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        _count(sample.target, sample.place, (), counts)
    return {path: min(forms, key=lambda one: (-forms[one], one)) for path, forms in sorted(counts.items())}


def _count(target: Any, place: Place, path: Path, counts: dict[Path, Counter[str]]) -> None:
    if len(path) > _MAX_DEPTH:
        return
    if isinstance(target, list) and place.items is not None:
        for item in target:
            _count(item, place.items, (*path, ITEM), counts)
    if not isinstance(target, dict):
        return
    for name, inner in properties_of(place).items():
        here = (*path, name)
        if name not in target:
            counts[here][Empty.ABSENT.value] += 1
        elif target[name] is None:
            counts[here][Empty.NULL.value] += 1
        elif is_empty(target[name]):
            counts[here][Empty.HOLLOW.value] += 1
        if name in target:
            _count(target[name], inner, here, counts)
