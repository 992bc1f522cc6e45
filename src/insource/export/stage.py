"""The export stage: from an adapter to a checked model folder that can be served."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from insource.export.adapter_gguf import read_base, write_adapter
from insource.export.modelfile import model_card, modelfile
from insource.export.parity import check_parity
from insource.foundation.errors import IntegrityError
from insource.foundation.files import write_synced
from insource.models.catalogue import BaseModel
from insource.models.control_tokens import control_tokens_of
from insource.models.engines.protocol import EngineModel
from insource.runs.folders import Run, RunStore, StageSpec
from insource.training.base import load_tokenizer, unpacked
from insource.training.memory import release
from insource.training.stage import summary as training_summary
from insource.types import Dataset, ParitySummary, Task

STAGE, VERSION = "export", 3
LIBRARIES = ("gguf", "xllamacpp", "torch", "transformers", "peft")
ADAPTER_FILE, TOKENIZER_FILE = "adapter.gguf", "tokenizer.json"

Serve = Callable[[Path], AbstractContextManager[EngineModel]]


def export(
    runs: RunStore,
    dataset: Dataset,
    task: Task,
    base: BaseModel,
    trained: Run,
    serve: Serve,
    *,
    parity_prompts: int,
    max_new_tokens: int,
    context_tokens: int,
) -> Run:
    """Return a complete export of a training run, with its parity checked on validation documents.

    ``serve`` starts an engine on the base model with the given adapter.

    Raises:
        IntegrityError: ``adapter-not-exportable``, ``template-differs``, ``parity-failed``.
    """
    spec = StageSpec(
        stage=STAGE,
        version=VERSION,
        inputs={"base": base.digest, "train": trained.digest},
        config={
            "instruction": task.instruction,
            "parity_prompts": parity_prompts,
            "max_new_tokens": max_new_tokens,
            "context_tokens": context_tokens,
        },
        seed=0,
        libraries=LIBRARIES,
    )

    def work(folder: Path) -> dict[str, Any]:
        adapter = folder / ADAPTER_FILE
        tensors = write_adapter(trained.path / "adapter", base.gguf, adapter)
        facts = read_base(base.gguf)
        _check_template(base, facts.chat_template, facts.eos_id)
        prompts = dataset.splits["validation"][:parity_prompts]
        with serve(adapter) as served:
            parity = check_parity(base, trained.path / "adapter", served, task, prompts, max_new_tokens)
        release()
        _write_beside(folder, base, trained)
        no_modelfile = _write_modelfile(folder, task, base, facts.chat_template, context_tokens)
        card = _card(task, dataset, base, trained, parity, no_modelfile)
        write_synced(folder / "README.md", card.encode())
        measured = parity.model_dump(mode="json")
        return {"tensors": tensors, "parity": measured, "no_modelfile": no_modelfile}

    return runs.run(spec, work)


def _write_beside(folder: Path, base: BaseModel, trained: Run) -> None:
    """Copy what belongs beside the GGUF adapter: the PEFT adapter and the tokenizer."""
    shutil.copytree(trained.path / "adapter", folder / "adapter", dirs_exist_ok=True)
    # Confidence replays tokens. With the tokenizer beside the adapter, serving needs no PyTorch.
    shutil.copyfile(unpacked(base) / TOKENIZER_FILE, folder / TOKENIZER_FILE)


def _write_modelfile(
    folder: Path, task: Task, base: BaseModel, chat_template: str, context_tokens: int
) -> str:
    """Write the Modelfile, or return why there can be none: an export without it can still be served here."""
    try:
        control = control_tokens_of(base.gguf)
        text = modelfile(task, chat_template, base.gguf.name, context_tokens, control)
    except ValueError as refusal:
        return str(refusal)
    write_synced(folder / "Modelfile", text.encode())
    return ""


def _card(
    task: Task, dataset: Dataset, base: BaseModel, trained: Run, parity: ParitySummary, no_modelfile: str
) -> str:
    return model_card(
        task,
        base=base.name,
        licence=base.licence,
        dataset=f"{dataset.manifest.name}@{dataset.manifest.digest[:12]}",
        training=training_summary(trained),
        parity=parity,
        no_modelfile=no_modelfile,
    )


def no_modelfile(run: Run) -> str:
    """Return why the export has no Modelfile, an empty text if it has one."""
    return str(run.result.get("no_modelfile", ""))


def parity(run: Run) -> ParitySummary:
    """Return what the parity gate measured."""
    return ParitySummary.model_validate(run.result["parity"])


def _check_template(base: BaseModel, served_template: str, served_eos: int) -> None:
    """Check that the template and stop token in the served file are those used in training.

    Raises:
        IntegrityError: ``template-differs``.
    """
    tokenizer = load_tokenizer(base)
    if tokenizer.chat_template != served_template or tokenizer.eos_token_id != served_eos:
        raise IntegrityError(
            "template-differs",
            "The chat template or the stop token inside the GGUF differs from the one used in training.",
            hint="Delete the `unpacked` folder of the model cache and train again.",
        )
