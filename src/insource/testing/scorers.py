"""``check_scorer``: check the rules that every scorer must satisfy, on examples of its task."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from insource.foundation.rng import generator
from insource.types import Completion, Example, Score

Found = Score | Mapping[str, float]
Scorer = Callable[[Example, Completion], Found]
_HOSTILE = (
    "", " \n", "null", "true", "[]", "{}", "[[[", '{"a": NaN}', '{"a": 1, "a": 2}', "```json\n{}\n```",
    "\x00\x1b[2J\u202e", "9" * 400, "-1e999", "I cannot help.",
    "<think>" * 50, '{"": {"": [null]}}', "[" * 2000, "é" * 5000,
)  # fmt: skip
_CUT = ("length", "content_filter", "error")
# Whether label and answer hold a value. An unusable answer misses every slot, even the empty ones.
_HELD = {
    "correct": (True, True),
    "wrong": (True, True),
    "invented": (False, True),
    "correctly_empty": (False, False),
}
_RIGHT = ("correct", "correctly_empty")


def check_scorer(scorer: Scorer, examples: Sequence[Example], *, generated: int = 200) -> None:
    """Check a scorer on the examples of a task; at least two with different labels are needed.

    The rules: nothing that a model may say raises an exception; the same answer has the same score, whatever
    was scored before; the label against itself is perfect; no metric is infinite or not a number; an answer
    whose keys stand in another order scores the same. For a scorer that returns a ``Score``: the bucket of a
    slot is that of its two values, an answer without a fault is exact, and what was cut, blocked or empty is
    not.

    Args:
        scorer: ``(example, completion) -> Score``, or a mapping of metrics by name.
        examples: Documents with their labels.
        generated: Number of made answers to try.

    Raises:
        AssertionError: A rule does not hold. The message says which one.
    """
    assert len({example.target for example in examples}) >= 2, "two examples with different labels are needed"
    perfect = [_run(scorer, example, example.target) for example in examples]
    for example, found in zip(examples, perfect, strict=True):
        _perfect(found, example)
        _order_of_keys(scorer, example, found)
        for other in examples:
            _accounted(_run(scorer, example, other.target), example)
        for text in _HOSTILE:
            _accounted(_run(scorer, example, text), example)
        _failures(scorer, example)
    _made(scorer, examples, generated)
    for example, first in zip(examples, perfect, strict=True):
        again = _run(scorer, example, example.target)
        assert again == first, f"row {example.row_id}: the score depends on what was scored before"


def _run(scorer: Scorer, example: Example, text: str, finish: str = "stop") -> Found:
    completion = Completion.model_validate({"text": text, "finish_reason": finish})
    try:
        first = scorer(example, completion)
        second = scorer(example, completion)
    except Exception as error:
        raise AssertionError(
            f"the scorer raises on row {example.row_id} and the answer {text[:60]!r}: "
            f"{type(error).__name__}: {error}"
        ) from error
    assert first == second, f"two scores of one answer differ: {text[:60]!r}"
    for name, value in metrics_of(first).items():
        finite = isinstance(value, int | float) and math.isfinite(value)
        assert finite, f"the metric {name} of {text[:60]!r} is {value!r}"
    return first


def metrics_of(found: Found) -> Mapping[str, float]:
    """Return the metrics by name of either form that a scorer may return."""
    return found.metrics if isinstance(found, Score) else dict(found)


def _perfect(found: Found, example: Example) -> None:
    said = f"row {example.row_id}: the label against itself"
    if isinstance(found, Score):
        assert found.exact, f"{said} is not exact: {found.explanation}"
        assert found.field_accuracy in (None, 1.0), f"{said} has field accuracy {found.field_accuracy}"
        assert found.parsed, f"{said} is not parsed"
        assert found.schema_valid, f"{said} is not valid"
        assert not found.failure, f"{said} is a failure: {found.failure}"


def _accounted(found: Found, example: Example) -> None:
    """Check that a score's parts say the same."""
    if not isinstance(found, Score):
        return
    for slot in found.slots:
        told = f"row {example.row_id}, {slot.path} {slot.bucket}: {slot.gold!r}, {slot.predicted!r}"
        if slot.bucket in _HELD:
            assert (slot.gold is not None, slot.predicted is not None) == _HELD[slot.bucket], told
        assert slot.bucket != "missed" or slot.predicted is None, told
    if found.exact and found.slots:
        assert any(slot.bucket in _RIGHT for slot in found.slots), (
            f"row {example.row_id}: exact without a right slot"
        )
    if all(slot.bucket in _RIGHT for slot in found.slots) and found.slots and not found.failure:
        assert found.exact, f"row {example.row_id}: every slot is right, and the answer is not exact"
    assert found.repairable or not found.parsed, "what is parsed needs no repair"
    assert found.parsed or not found.schema_valid, "what is not parsed cannot be valid"
    assert found.schema_valid or not found.canonical, "what is not valid cannot be canonical"


def _failures(scorer: Scorer, example: Example) -> None:
    for finish in _CUT:
        found = _run(scorer, example, example.target, finish)
        if isinstance(found, Score):
            assert not found.exact, f"row {example.row_id}: an answer that ended with {finish} is exact"
    found = _run(scorer, example, "")
    if isinstance(found, Score):
        assert not found.exact, f"row {example.row_id}: an empty answer is exact"


def _order_of_keys(scorer: Scorer, example: Example, perfect: Found) -> None:
    try:
        value = json.loads(example.target)
    except ValueError:
        return
    found = _run(scorer, example, json.dumps(_turned(value), ensure_ascii=False))
    assert metrics_of(found) == metrics_of(perfect), (
        f"row {example.row_id}: the order of keys changes a metric"
    )
    if isinstance(found, Score) and isinstance(perfect, Score):
        assert found.exact == perfect.exact, f"row {example.row_id}: the order of keys changes the score"


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(item) for item in value] if isinstance(value, list) else value


def _made(scorer: Scorer, examples: Sequence[Example], generated: int) -> None:
    """Check cut, doubled and mixed labels, as models write them when they go wrong."""
    draw = generator(0, "check_scorer")
    for number in range(generated):
        example = examples[number % len(examples)]
        text = examples[int(draw.integers(len(examples)))].target
        start, end = sorted(int(place) for place in draw.integers(0, len(text) + 1, 2))
        for answer in (text[:end], text[start:], text[:start] + text[end:], text + text[start:end]):
            _accounted(_run(scorer, example, answer), example)
