"""Arms without a model: datasets in memory, a local engine that answers from a table, finished runs."""

from contextlib import contextmanager
from pathlib import Path

from insource.arms.factory import ArmInputs, CloudPrice
from insource.arms.local import Local
from insource.arms.prompts import described
from insource.config.serving import ServingSection
from insource.models.catalogue import BaseModel
from insource.models.replay import ReplayModel
from insource.runs.folders import Run, RunStore
from insource.types import Completion, Dataset, DatasetManifest, ParitySummary, TrainingSummary
from insource.workflow.export import Made

TRAINING = TrainingSummary(
    base_model="small",
    examples=1,
    steps=1,
    planned_steps=1,
    epochs=1,
    tokens=1,
    tokens_per_s=1,
    best_step=1,
    best_validation_loss=None,
    stopped="",
    longest_answer_tokens=33,
)
PARITY = ParitySummary(
    prompts=1,
    tokens=1,
    token_agreement=1.0,
    mean_logprob_difference=0.0,
    prompt_tokens_equal=True,
    passed=True,
    sentence="Served as trained.",
)


class TableModel(ReplayModel):
    """A model that knows its answers, counts a word as a token and has no idea of any other prompt."""

    def generate(self, request):
        known = request.messages in self._answers
        return super().generate(request) if known else Completion(text="no idea", model=self.info.name)

    def count_tokens(self, messages):
        return sum(len(message.content.split()) for message in messages)


class TableLocal(Local):
    """A ``Local`` whose engine answers from a table: the tuned model its labels, the base model nothing."""

    answers = {}

    @contextmanager
    def serve(self, name, adapter):
        yield TableModel(name, self.answers if adapter == 0 else dict.fromkeys(self.answers, "no idea"))


def local_of(task, folder, answers=None):
    """A local engine in ``folder`` that answers ``messages → text``."""
    adapter = folder / "adapter.gguf"
    adapter.write_bytes(b"adapter")
    base = BaseModel(name="small", licence="Apache-2.0", gguf=folder / "small.gguf", digest="b" * 64)
    local = TableLocal(
        task=task,
        base=base,
        adapter=adapter,
        serving=ServingSection(),
        max_new_tokens=50,
        on_restart=lambda reason: None,
    )
    local.answers = answers or {}
    return local


def right_answers(task, examples):
    """The right answer to each example, under the short prompt and under the one with the contract."""
    short = {task.messages(one.input, attributes=one.attributes): one.target for one in examples}
    return short | {described(task, one): one.target for one in examples}


def dataset_of(train, test, task, *, clouds=(), simulated=()):
    """A dataset in memory; validation and calibration are empty."""
    manifest = DatasetManifest(
        name="d",
        digest="0" * 64,
        source="test",
        read=len(train) + len(test),
        counts={"train": len(train), "test": len(test)},
        dropped={},
        output=task.output,
        split_reason="given",
        cloud_models=clouds,
        simulated_models=simulated,
    )
    splits = {"train": tuple(train), "validation": (), "calibration": (), "test": tuple(test)}
    return Dataset(splits=splits, dropped=(), manifest=manifest)


def inputs_of(task, dataset, folder):
    """What arms are made from, with every test document for every arm."""
    test = dataset.splits["test"]
    return ArmInputs(
        task=task,
        dataset=dataset,
        test=test,
        few=test[:2],
        local=local_of(task, folder, right_answers(task, test)),
        confidence=lambda example, completion: 0.9,
        price=lambda model: CloudPrice(30.0, "published"),
        runs=RunStore(folder / "workspace"),
    )


def made_of(task, folder, examples):
    """A finished training and export whose model gives the right answer to ``examples``."""
    manifest = {"key": "k" * 64, "seconds": 1.5}
    trained = Run(
        stage="train",
        run_id="t1",
        path=Path("runs/t1"),
        manifest=manifest | {"result": TRAINING.model_dump()},
    )
    result = {"parity": PARITY.model_dump()}
    exported = Run(stage="export", run_id="e1", path=folder, manifest=manifest | {"result": result})
    local = local_of(task, folder, right_answers(task, examples))
    return Made(trained, exported, local, lambda example, completion: 0.9)
