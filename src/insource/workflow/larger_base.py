"""Prompt a larger base model beside the one that is trained, on the same documents in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from insource.arms.prompting import rungs
from insource.config.evaluation import Rung
from insource.evaluation.compare import compare
from insource.evaluation.never_answered import fields_of_labels
from insource.evaluation.sample import sample
from insource.models.catalogue import at_hand, resolve
from insource.models.known_models import KnownModel, known_models
from insource.types import NOT_MEASURED, Dataset, Estimate, Evaluation, Task
from insource.types.probes import LargerBase
from insource.workflow.evaluate import evaluate_one, inputs_of, validation_documents
from insource.workflow.export import Made
from insource.workflow.session import Session

PREFERRED: tuple[Rung, ...] = ("retrieved", "few-shot", "zero-shot")


class Larger(NamedTuple):
    """A model to be prompted: ``ratio`` is how many times as large as the one that is trained it is.

    ``why_not`` says why none can be, and what to type.
    """

    name: str = ""
    ratio: float = 1.0
    why_not: str = ""


def larger_than(name: str, wanted: str = "", others: Sequence[str] = ()) -> Larger:
    """Return ``wanted``, or the smallest larger model of the catalogue at hand; nothing is fetched.

    Of a base that is not in the catalogue, the first of the ``others`` stands for ``wanted``.
    """
    known = known_models().models
    if not wanted and name not in known:
        wanted = next((one for one in others if one != name), "")
    if wanted:
        return _wanted(name, wanted)
    if name not in known:
        return Larger(
            why_not=f"the size of {name} is not in the catalogue: name a larger model in "
            "`evaluation.prompted_models`"
        )
    found = sorted(_larger(known, name), key=lambda one: one.parameters)
    if not found:
        return Larger(why_not=f"the catalogue has no model larger than {name}")
    here = next((one for one in found if at_hand(one.name)), None)
    if here is None:
        return Larger(why_not=f"{found[0].name} is not at hand: insource models pull {found[0].name}")
    return Larger(here.name, here.parameters / known[name].parameters)


def _wanted(name: str, wanted: str) -> Larger:
    for one in (wanted, name):
        if not at_hand(one):
            return Larger(why_not=f"{one} is not at hand: insource models pull {one}")
    ratio = _bytes(wanted) / _bytes(name)
    return Larger(wanted, ratio) if ratio > 1 else Larger(why_not=f"{wanted} is not larger than {name}")


def _bytes(name: str) -> int:
    return resolve(name).gguf.stat().st_size


def _larger(known: dict[str, KnownModel], name: str) -> list[KnownModel]:
    return [one for one in known.values() if one.parameters > known[name].parameters]


def seconds_of(session: Session, name: str, larger: Larger, documents: int) -> Estimate:
    """Return what prompting takes by the latency of the smaller base in an earlier evaluation here."""
    for run in session.project.runs.complete("evaluate"):
        arm = run.result["arm"]
        if arm["kind"] == rungs.KIND and arm["model"] == name and arm["constrained"]:
            p50 = Evaluation.model_validate(run.result).latency_s.get("p50", NOT_MEASURED)
            if p50.value is not None:
                seconds = p50.value * larger.ratio * documents
                return Estimate(
                    value=seconds,
                    low=seconds / 2,
                    high=seconds * 2,
                    n=p50.n,
                    method=f"{p50.value:.2f} s a document of {name}, times {larger.ratio:.1f}, the ratio of "
                    "their sizes",
                )
    why = f"{name} was not prompted here yet, so nothing says how long a larger model takes"
    return NOT_MEASURED.model_copy(update={"note": why})


def prompt_larger(session: Session, dataset: Dataset, task: Task, made: Made, larger: str) -> LargerBase:
    """Prompt both models on validation documents, and compare them. Raises as ``evaluate_one``."""
    inputs = inputs_of(session, dataset, task, made)
    few = sample(validation_documents(session, dataset), session.config.evaluation.base_documents)
    configured = session.config.evaluation.prompted
    way = next((rung for rung in PREFERRED if rung in configured), PREFERRED[0])
    inputs = inputs._replace(
        test=few,
        few=few,
        settings=inputs.settings.model_copy(update={"prompted": (way,), "prompted_models": ("", larger)}),
    )
    base, other = (
        evaluate_one(session, dataset, task, "validation", plan) for plan in rungs.FACTORY.make(inputs)
    )
    sides = [(one.evaluation.arm, one.records) for one in (other, base)]
    return LargerBase(
        model=larger,
        than=made.local.base.name,
        prompted=way,
        comparison=compare(
            sides[0],
            sides[1],
            metric=task.primary_metric,
            margin=task.margin,
            label_fields=fields_of_labels(task.output),
        ),
    )
