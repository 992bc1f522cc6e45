"""Arms whose answers are bought: asked only with a key, after an estimate and a yes, and up to a cap.

Such an arm is a candidate that runs elsewhere: a cheaper endpoint may replace the cloud as well as a local
model may. Its answers come from the log, so no document is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from insource.config.reference import AskedModel
from insource.evaluation.plan import ArmPlan
from insource.foundation.canonical import digest
from insource.models.protocol import Model, Request
from insource.models.replay import ReplayModel
from insource.types import Arm, Completion, Example
from insource.types.message import Message


class Asking(NamedTuple):
    """What an arm asks for money.

    ``section`` is the model as configured, and ``open`` returns its client, given the key. ``identity`` is
    all that decides an answer beside the request. ``input_only``: what the model writes costs nothing.
    ``written`` is about how many characters it writes for a document, and ``read`` how many it reads beside
    the prompt.
    """

    arm: str
    section: AskedModel
    open: Callable[[str], Model]
    ask: Callable[[Example], Request]
    identity: Mapping[str, Any]
    written: Callable[[Example], int]
    read: int = 0
    input_only: bool = False


class Asked(NamedTuple):
    """The answers by row id: a completion, or the reason of a failure of the arm.

    ``note`` says why documents are missing, empty when none is. ``per_1000_usd`` is the mean cost of 1,000
    documents, None when unknown, and ``basis`` its source.
    """

    answers: Mapping[str, Completion | str]
    note: str = ""
    per_1000_usd: float | None = None
    basis: str = ""


Pay = Callable[[Asking, Sequence[Example]], Asked]
"""Buys the answers that nobody has bought yet, and returns all of them."""


def paid_plan(
    arm: Arm, asking: Asking, pay: Pay | None, examples: tuple[Example, ...], *, note: str = ""
) -> ArmPlan:
    """Return the plan of an arm whose answers are bought when it is made ready.

    With a ``note``, or without ``pay``, nothing is asked and nothing evaluated.
    """
    if note or pay is None:
        return _plan(arm, asking, (), {}, note or "not measured: nothing is bought here")

    def prepare(chosen: tuple[Example, ...]) -> ArmPlan:
        asked = pay(asking, chosen)
        priced = arm.model_copy(update={"cost_per_1000_usd": asked.per_1000_usd, "cost_basis": asked.basis})
        answered = tuple(one for one in chosen if one.row_id in asked.answers)
        return _plan(priced, asking, answered, asked.answers, asked.note)

    return _plan(arm, asking, examples, {}, "")._replace(prepare=prepare)


def _plan(
    arm: Arm,
    asking: Asking,
    examples: tuple[Example, ...],
    answers: Mapping[str, Completion | str],
    note: str,
) -> ArmPlan:
    said: dict[tuple[Message, ...], str | Completion] = {}
    failures: dict[tuple[Message, ...], str] = {}
    for one in examples:
        answer = answers.get(one.row_id)
        if isinstance(answer, Completion):
            said[asking.ask(one).messages] = answer
        elif answer is not None:
            failures[asking.ask(one).messages] = answer

    @contextmanager
    def model() -> Iterator[Model]:
        yield ReplayModel(arm.model, said, failures=failures)

    return ArmPlan(
        arm=arm,
        examples=examples,
        identity={"answers": digest([_identity(answers.get(one.row_id)) for one in examples])},
        model=model,
        ask=asking.ask,
        confidence=lambda example, completion: completion.confidence,
        note=note,
    )


def _identity(answer: Completion | str | None) -> Any:
    return answer.model_dump(mode="json") if isinstance(answer, Completion) else answer
