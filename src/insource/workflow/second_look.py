"""Which arm answers beside the chosen one, so that it shows where both agree."""

from __future__ import annotations

from collections.abc import Sequence

from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.stage import Evaluated
from insource.types import Completion, Served
from insource.types.choice import Choice


def second_look(choice: Choice, chosen: Served, servable: Sequence[Served]) -> str:
    """Return the fitted arm that was best on validation, beside a language model; empty for other arms.

    It reads a document in another way, in milliseconds. Two answers of one model err together.
    """
    if chosen.kind not in ("engine", "prompted"):
        return ""
    fitted = {one.arm for one in servable if one.kind == "fitted"}
    tried = [one for one in choice.trials if one.arm in fitted and one.value.value is not None]
    sign = gain_sign(choice.metric)
    best = max(tried, key=lambda one: sign * (one.value.value or 0.0), default=None)
    return best.arm if best else ""


def answers_of(evaluated: Evaluated | None) -> dict[str, Completion]:
    """Return the answers of an arm by row id."""
    records = evaluated.records if evaluated else ()
    return {record.row_id: record.completion for record in records if record.completion is not None}
