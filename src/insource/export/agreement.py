"""Whether a step of an export answers as the trained model: token by token, and by the task's metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from insource.evaluation.compare import compare
from insource.evaluation.comparison.pairs import gain_sign
from insource.evaluation.estimators import rate, sampling_units
from insource.evaluation.metrics import document_value, estimate, has_document_value
from insource.evaluation.run import Scorer
from insource.foundation.errors import IntegrityError
from insource.models.llamacpp import AnswerIds
from insource.types import Arm, Completion, Estimate, EvalRecord, Example, Task
from insource.types.export import StepParity

# Two machines' rounding flips near-ties, so that a few long answers part although the weights are the same.
MIN_EXACT = 0.75
# A loss that small cannot be told from none with the few dozen prompts of a gate.
MIN_ALLOWED_LOSS = 0.05


class Said(NamedTuple):
    """An answer: its tokens without the stop token, and its text."""

    tokens: tuple[int, ...]
    text: str
    stopped: bool = True

    @classmethod
    def of(cls, answer: AnswerIds, stops: frozenset[int]) -> Said:
        """Return what a served model said."""
        tokens = answer.tokens
        while tokens and tokens[-1] in stops:
            tokens = tokens[:-1]
        return cls(tokens, answer.text, answer.stopped)

    def completion(self) -> Completion:
        return Completion(text=self.text, finish_reason="stop" if self.stopped else "length")


class Measure(NamedTuple):
    """How answers are judged: the documents, the task's scorer and metric, the largest loss allowed."""

    examples: tuple[Example, ...]
    scorer: Scorer
    task: Task


def greedy(
    model: Any, prompt: Sequence[int], draft: Sequence[int], stops: frozenset[int], max_tokens: int
) -> tuple[tuple[int, ...], bool]:
    """Return the model's own greedy answer, and whether it stopped by itself.

    ``draft`` is a guess, such as another step's answer: one pass checks all of it, and only what follows the
    first difference is generated token by token (speculative decoding, Leviathan et al. 2023).
    """
    import torch

    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *draft]])).logits[0, len(prompt) - 1 :]
    choices = logits.argmax(-1).tolist()
    parts = (i for i, token in enumerate(draft) if choices[i] != token or token in stops)
    agreed = next(parts, len(draft))
    said = list(draft[:agreed])
    if agreed >= max_tokens:  # the answer is full, and what would follow is never asked
        return tuple(said), False
    if choices[agreed] in stops:
        return tuple(said), True
    return _generated(model, prompt, [*said, choices[agreed]], stops, max_tokens)


def _generated(
    model: Any, prompt: Sequence[int], said: list[int], stops: frozenset[int], max_tokens: int
) -> tuple[tuple[int, ...], bool]:
    import torch

    cache, ids = None, [*prompt, *said]
    with torch.no_grad():
        while len(said) < max_tokens:
            out = model(torch.tensor([ids]), past_key_values=cache, use_cache=True)
            cache, token = out.past_key_values, int(out.logits[0, -1].argmax())
            if token in stops:
                return tuple(said), True
            said.append(token)
            ids = [token]
    return tuple(said), False


def judge_step(
    step: str, trained: Sequence[Said], here: Sequence[Said], measure: Measure, *, lossless: bool
) -> StepParity:
    """Return how the answers of a step agree with the trained model's, in the order of the documents."""
    pairs = list(zip(measure.examples, trained, here, strict=True))
    parted = {e.row_id: place for e, a, b in pairs if (place := _parts_at(a, b)) is not None}
    units = sampling_units([example.group for example in measure.examples])
    exact = rate([float(example.row_id not in parted) for example in measure.examples], units)
    sides = [_records(measure, said) for said in (trained, here)]
    metric = metric_of(measure.task, sides[0])
    of_trained, quality = (quality_of(records, metric) for records in sides)
    arms = [Arm(name=name, model=name, kind="tuned") for name in ("trained", step)]
    margin = max(measure.task.margin, MIN_ALLOWED_LOSS)
    found = compare((arms[1], sides[1]), (arms[0], sides[0]), metric=metric, margin=margin)
    loss = -gain_sign(metric) * (found.difference.value or 0.0)
    same = not lossless or (exact.value or 0.0) >= MIN_EXACT
    passed = same and loss <= margin and found.outcome != "worse"
    return StepParity(
        step=step,
        lossless=lossless,
        prompts=len(pairs),
        exact=exact,
        first_difference=min(parted.values(), default=None),
        differing=parted,
        metric=metric,
        quality=quality,
        trained=of_trained,
        difference=found.difference,
        passed=passed,
        sentence=_sentence(step, exact, parted, metric, of_trained, quality, found.difference),
    )


def require(parity: StepParity) -> None:
    """Refuse to publish a step that does not answer as the trained model.

    Raises:
        IntegrityError: ``parity-failed``.
    """
    if parity.passed:
        return
    hint = "Export a format with more bits: --format q8_0"
    if parity.lossless:
        hint = (
            "The converted file and the engine disagree. Try another version of the `serve` extra, and\n"
            "      report the line above."
        )
    raise IntegrityError(
        "parity-failed",
        f"{parity.step} does not answer like the trained model; it was not published.",
        details=(parity.sentence,),
        hint=hint,
    )


def _parts_at(one: Said, other: Said) -> int | None:
    """Return the place of the first differing token, None where the answers are the same."""
    if one.tokens == other.tokens:
        return None
    pairs = zip(one.tokens, other.tokens, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one.tokens), len(other.tokens)))


def _records(measure: Measure, said: Sequence[Said]) -> list[EvalRecord]:
    found = []
    for example, answer in zip(measure.examples, said, strict=True):
        completion = answer.completion()
        score = measure.scorer(example, completion)
        found.append(
            EvalRecord(
                row_id=example.row_id,
                group=example.group,
                status="failed" if score.failure else "scored",
                reason=score.failure,
                completion=completion,
                score=score,
            )
        )
    return found


def metric_of(task: Task, records: Sequence[EvalRecord]) -> str:
    """Return the task's metric, or the share of right documents where it has no value per document."""
    if has_document_value(task.primary_metric, records):
        return task.primary_metric
    return "accuracy" if task.output.kind == "labels" else "exact_match"


def quality_of(records: Sequence[EvalRecord], metric: str) -> Estimate:
    """Return a metric over the documents that have it."""

    valued = [(r.group, value) for r in records if (value := document_value(r, metric)) is not None]
    return estimate([value for _, value in valued], [group for group, _ in valued], metric)


def _sentence(
    step: str,
    exact: Estimate,
    parted: Mapping[str, int],
    metric: str,
    trained: Estimate,
    quality: Estimate,
    difference: Estimate,
) -> str:
    same = exact.n - len(parted)
    first = f", the earliest difference at token {min(parted.values()) + 1}" if parted else ""
    name = metric.replace("_", " ")
    span = "" if difference.low is None else f" [{difference.low:+.3f}, {difference.high:+.3f}]"
    judged = f"{name} {_share(quality)} against {_share(trained)} as trained, difference "
    judged += "not measured" if difference.value is None else f"{difference.value:+.3f}{span}"
    if not trained.value:
        judged += "; the trained model gets nothing right, so this cannot show a loss"
    return f"{step}: {same} of {exact.n} answers equal token by token{first}; {judged}."


def _share(estimate: Estimate) -> str:
    return "not measured" if estimate.value is None else f"{estimate.value:.3f}"
