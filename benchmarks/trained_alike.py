"""Whether two ways of training make equally good adapters: field accuracy on the same test documents.

Rounding differs between ways in bfloat16, so their losses cannot be equal to the last digit. What counts is
the task: both adapters are served by the engine, under the grammar, and their documents are paired.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from claims import Claims, parser

from insource.arms.local import Local, local_plan, room_for_answer
from insource.config.serving import ServingSection
from insource.demo.documents import generate
from insource.evaluation.comparison.pairs import document_value
from insource.evaluation.run import evaluate
from insource.evaluation.scorers import build_scorer, training_forms
from insource.export.adapter_gguf import write_adapter
from insource.models.catalogue import DEFAULT_MODEL, resolve
from insource.stats.paired import paired_mean
from insource.training.base import load_tokenizer, quiet
from insource.training.loop.batches import Collator
from insource.training.tokenize import TrainingRow, tokenize
from insource.types import Arm, Example, Provenance, Split, Task

TRAINED, EPOCHS, BATCH, DOCUMENTS = 160, 3, 8, 200


def compare_trained(
    claims: Claims, task: Task, trainer_of: Callable[..., Any], stock: Any, ours: Any
) -> None:
    """Train both ways on the same rows, in the same order, and compare their accuracies."""
    trained, asked = made_examples("train", TRAINED), made_examples("test", DOCUMENTS)
    rows = tokenize(load_tokenizer(resolve(DEFAULT_MODEL)), task, trained)
    room = room_for_answer(max(row.answer_tokens for row in rows))
    found = [
        accuracies(adapter_of(trainer_of, way, rows), task, trained, asked, room) for way in (stock, ours)
    ]
    for way, values in zip((stock, ours), found, strict=True):
        claims.add(f"bfloat16, {way.name}: field accuracy on {DOCUMENTS} documents", values.mean(), "")
    difference = paired_mean(found[1] - found[0])
    claims.add("bfloat16, Insource minus stock: field accuracy", difference.value, "")
    interval = difference.interval
    if interval is None:  # every document has the same accuracy in both
        outside = abs(difference.value)
    else:
        claims.add("… lower end of its 95 % interval", interval.low, "")
        claims.add("… upper end", interval.high, "")
        outside = max(0.0, interval.low, -interval.high)
    claims.add("… distance of the interval from no difference", outside, "", at_most=0)


def made_examples(split: Split, count: int) -> tuple[Example, ...]:
    return tuple(
        Example(
            row_id=row["id"],
            digest="",
            input=row["input"],
            target=json.dumps(row["output"], separators=(",", ":"), ensure_ascii=False),
            provenance=Provenance(source="generated"),
        )
        for row in generate({split: count}, 0)
    )


def adapter_of(trainer_of: Callable[..., Any], way: Any, rows: list[TrainingRow]) -> Path:
    """Train, and return the adapter's folder."""
    folder = Path(tempfile.mkdtemp(prefix="insource-bench-"))
    with quiet():
        steps = EPOCHS * len(rows) // BATCH
        trainer = trainer_of(way, rows, steps, folder, data_collator=Collator(2))
        trainer.train()
    trainer.model.save_pretrained(folder / "adapter")
    return folder / "adapter"


def accuracies(
    adapter: Path, task: Task, trained: tuple[Example, ...], asked: tuple[Example, ...], room: int
) -> Any:
    """The field accuracy of each document, answered by the engine."""
    base = resolve(DEFAULT_MODEL)
    file = adapter.parent / "adapter.gguf"
    write_adapter(adapter, base.gguf, file)
    local = Local(
        task=task,
        base=base,
        adapter=file,
        serving=ServingSection(),
        max_new_tokens=room,
        on_restart=print,
    )
    arm = Arm(name="tuned", model=local.tuned_name, kind="tuned", local=True, constrained=True)
    plan = local_plan(local, arm, asked, adapter=0, describe=False)
    with plan.model() as model:
        scorer = build_scorer(task, training_forms(task, trained))
        records = evaluate(model, asked, plan.ask, scorer, journal=adapter.parent / "records.jsonl")
    return np.array([document_value(record, "field_accuracy") for record in records])


def main() -> None:
    from bench_training import LOW, TASK, Way, trainer_of

    options = parser(__doc__).parse_args()
    claims = Claims()
    ways = (Way("stock tuned", torch.bfloat16), Way("Insource", torch.bfloat16, LOW))
    compare_trained(claims, TASK, trainer_of, *ways)
    claims.write(options.json)


if __name__ == "__main__":
    main()
