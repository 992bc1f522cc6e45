"""Questions to the hardware planner, and the machine that asks them."""

from support.recipes import LAPTOP

from insource.config.training import TrainingSection
from insource.decision.hardware.models import PlannedModel
from insource.decision.hardware.plan import hardware_plan
from insource.decision.hardware.question import People, Prices, Question, Workload

LLAMA_8B = "llama-3.1-8b-instruct"


def question(model=LLAMA_8B, *, card="", length=2048, people=None, prices=None, **given):
    """A question about rows of one length; ``given`` are keys of the workload or of ``[training]``."""
    work = {name: given.pop(name) for name in Workload.model_fields if name in given}
    work = {"length": length, "mean_length": length, "answer": max(1, length // 16)} | work
    return Question(
        model=model,
        section=TrainingSection(model=model, max_tokens=length, **given),
        workload=Workload(**work),
        people=People(**people or {}),
        prices=Prices(**prices or {}),
        card=card,
    )


def planned(model=LLAMA_8B, *, machine=LAPTOP, earlier=(), **given):
    """The plan for such a question; without a card, for ``machine``."""
    return hardware_plan(question(model, **given), lambda: machine, earlier)


def model_of(shape, name="a model"):
    """A model of this shape that no catalogue has."""
    return PlannedModel(name=name, licence="", parameters=shape.parameters, shape=shape)
