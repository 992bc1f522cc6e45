"""Rows as the trainer gets them, from base models as people have them."""

import pytest
from support.arms import dataset_of
from support.tiny_gguf import write_tiny_gguf

from insource.config.training import TrainingSection
from insource.models.catalogue import resolve
from insource.training.loop.batches import Collator
from insource.training.prepare import prepare
from insource.types import Labels, Task

TASK = Task(name="tickets", instruction="Which desk?", output=Labels(names=("billing", "technical")))


@pytest.mark.parametrize("pads", [True, False])
def test_rows_of_different_lengths_make_a_batch_whether_or_not_the_file_names_a_pad_token(
    pads, rows, tmp_path, monkeypatch
):
    monkeypatch.setenv("INSOURCE_CACHE", str(tmp_path / "cache"))
    base = resolve(f"gguf/{write_tiny_gguf(tmp_path / 'tiny.gguf', pads=pads)}")
    tickets = [{"id": str(n), "input": "I was charged twice. " * n, "output": "billing"} for n in (1, 2, 3)]
    examples = rows.examples(tickets)
    dataset = dataset_of(examples[:2], (), TASK)
    dataset = dataset.model_copy(update={"splits": dataset.splits | {"validation": tuple(examples[2:])}})
    prepared = prepare(dataset, TASK, base, TrainingSection())
    assert not prepared.failed
    made = [{"input_ids": row.input_ids, "labels": row.labels} for row in prepared.rows]
    batch = Collator(prepared.pad_id)(made)
    assert batch["attention_mask"].sum(dim=1).tolist() == [len(row["input_ids"]) for row in made]
