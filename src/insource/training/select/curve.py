"""The training curve in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from insource.training.select.checkpoints import Checkpoint
from insource.types import Estimate, TrainingPoint

LEVELS = "▁▂▃▄▅▆▇█"
WIDTH = 24


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """Return the values as bars, at most ``width``: each is the mean of neighbours. What is no number is
    left out.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    count = min(width, len(finite))
    edges = [round(index * len(finite) / count) for index in range(count + 1)]
    means = [math.fsum(finite[low:high]) / (high - low) for low, high in pairwise(edges)]
    low, high = min(means), max(means)
    span = high / 2 - low / 2  # halves, because the difference of two finite values may not be finite
    shares = [(mean / 2 - low / 2) / span if span else 0.0 for mean in means]
    return "".join(LEVELS[round((len(LEVELS) - 1) * share)] for share in shares)


def progress_line(points: Sequence[TrainingPoint]) -> str:
    """Return the newest point with the curve of the training loss, for a line that is drawn again."""
    newest = points[-1]
    bars = sparkline([point.loss for point in points if point.loss is not None])
    if newest.validation_loss is not None:
        return f"validation loss {newest.validation_loss:.3f}  {bars}"
    speed = f", {newest.tokens_per_s:.0f} tokens/s" if newest.tokens_per_s else ""
    return f"loss {newest.loss or 0:.3f}{speed}  {bars}"


def checkpoint_line(checkpoints: Sequence[Checkpoint], metric: str, *, best: bool) -> str:
    """Return the newest evaluation with the curve of the validation loss, a line that stays."""
    newest = checkpoints[-1]
    parts = [f"step {newest.step:,}:"]
    if newest.training_loss is not None:
        parts.append(f"loss {newest.training_loss:.3f},")
    parts.append(f"validation {newest.validation_loss:.3f}")
    parts.append(sparkline([one.validation_loss for one in checkpoints]))
    if newest.score is not None:
        parts.append(f" {metric.replace('_', ' ')} {said(newest.score)}")
    return " ".join(parts) + (", the best so far" if best else "")


def said(score: Estimate) -> str:
    """Return a score with its interval and number of documents."""
    if score.value is None:
        return "not measured"
    text = f"{score.value:.3f}"
    if score.low is not None and score.high is not None:
        text += f" [{score.low:.3f}, {score.high:.3f}]"
    return f"{text}, n = {score.n}"
