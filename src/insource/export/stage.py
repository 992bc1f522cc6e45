"""The export stage: from an adapter to a checked model folder that can be served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from insource.export.adapter_gguf import ADAPTER_FILE, BaseFacts, read_base, why_merged, write_adapter
from insource.export.card import model_card, public_name
from insource.export.merged.gguf_file import merged_gguf
from insource.export.merged.merging import CONFIG, merge
from insource.export.merged.steps import is_adapter, trained_weights
from insource.export.modelfile import modelfile, ollama_template
from insource.export.parity import check_parity
from insource.foundation.errors import IntegrityError
from insource.foundation.files import write_json, write_synced
from insource.models.catalogue import BaseModel
from insource.models.chat_format import ChatFormat, chat_format_of, write_beside
from insource.models.control_tokens import control_tokens_of
from insource.models.engines.protocol import EngineModel
from insource.runs.folders import Run, RunStore, StageSpec
from insource.training.base import load_tokenizer, unpacked
from insource.training.memory import release
from insource.training.stage import summary as training_summary
from insource.training.tokenize import chat_render
from insource.types import Dataset, ParitySummary, Task

STAGE, VERSION = "export", 5
LIBRARIES = ("gguf", "xllamacpp", "torch", "transformers", "peft")
MODEL_FILE, TOKENIZER_FILE = "model.gguf", "tokenizer.json"


Serve = Callable[[Path], AbstractContextManager[EngineModel]]


class Made(NamedTuple):
    """The file that is served, the number of its tensors, and why it is no adapter (empty: it is one)."""

    file: str
    tensors: int
    merged_because: str = ""


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

    ``serve`` starts an engine with the file that it is given: the base model with the GGUF adapter, or the
    whole model where training changed every weight, or made an adapter that llama.cpp cannot apply (DoRA).

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
        weights = trained_weights(trained)
        made = _write_weights(base, weights, folder)
        facts = read_base(base.gguf)
        chat = chat_format_of(base.gguf)
        _check_template(base, chat)
        prompts = dataset.splits["validation"][:parity_prompts]
        with serve(folder / made.file) as served:
            parity = check_parity(base, weights, served, task, prompts, max_new_tokens)
        release()
        _write_beside(folder, base, weights, chat)
        no_modelfile = _write_modelfile(folder, made, task, base, facts, context_tokens)
        card = card_of(task, dataset, base, trained, parity, no_modelfile=no_modelfile)
        write_synced(folder / "README.md", card.encode())
        measured = parity.model_dump(mode="json")
        return made._asdict() | {"parity": measured, "no_modelfile": no_modelfile}

    return runs.run(spec, work)


def _write_weights(base: BaseModel, weights: Path, folder: Path) -> Made:
    """Write what is served: the adapter as GGUF, else the whole model with the reason."""
    if is_adapter(weights):
        if not (reason := why_merged(weights)):
            return Made(ADAPTER_FILE, write_adapter(weights, base.gguf, folder / ADAPTER_FILE))
        merge(base, weights, folder / "merged")
        written = merged_gguf(base.gguf, unpacked(base), folder / "merged", folder / MODEL_FILE)
        shutil.rmtree(folder / "merged")
        return Made(MODEL_FILE, sum(written.tensors.values()), reason)
    written = merged_gguf(base.gguf, unpacked(base), weights, folder / MODEL_FILE)
    return Made(MODEL_FILE, sum(written.tensors.values()), "training changed every weight")


def served_file(run: Run) -> Path:
    """Return the file of an export that is served: ``ADAPTER_FILE`` on the base model, or ``MODEL_FILE``."""
    return run.path / str(run.result.get("file", ADAPTER_FILE))


def _write_beside(folder: Path, base: BaseModel, weights: Path, chat: ChatFormat) -> None:
    """Copy what belongs beside a GGUF adapter: the PEFT adapter, the tokenizer, how the model is asked."""
    if is_adapter(weights):
        # PEFT's own README is a form with nothing filled in, and its configuration names a folder of here.
        left_out = shutil.ignore_patterns("README.md", CONFIG)
        shutil.copytree(weights, folder / "adapter", dirs_exist_ok=True, ignore=left_out)
        config = json.loads((weights / CONFIG).read_text(encoding="utf-8"))
        named = config | {"base_model_name_or_path": public_name(base.name)}
        write_json(folder / "adapter" / CONFIG, named)
    # Confidence replays tokens. With the tokenizer beside the adapter, serving needs no PyTorch.
    shutil.copyfile(unpacked(base) / TOKENIZER_FILE, folder / TOKENIZER_FILE)
    write_beside(folder, chat, folder / TOKENIZER_FILE)


def _write_modelfile(
    folder: Path, made: Made, task: Task, base: BaseModel, facts: BaseFacts, context_tokens: int
) -> str:
    """Write the Modelfile, or return why there can be none: an export without it can still be served here."""
    adapter = made.file == ADAPTER_FILE
    model_file = base.gguf.name if adapter else made.file
    try:
        text = modelfile_of(
            base, task, facts, model_file, context_tokens, adapter=ADAPTER_FILE if adapter else ""
        )
    except ValueError as refusal:
        return str(refusal)
    write_synced(folder / "Modelfile", text.encode())
    return ""


def modelfile_of(
    base: BaseModel,
    task: Task,
    facts: BaseFacts,
    model_file: str,
    context_tokens: int,
    *,
    adapter: str = "",
) -> str:
    """Return the Modelfile of a file made from ``base``; an adapter's says which base belongs beside it.

    Raises as ``modelfile``.
    """
    tokenizer = load_tokenizer(base)
    beside = f"# Copy the base model {public_name(base.name)} beside this file, as {model_file}.\n"
    return (beside if adapter else "") + modelfile(
        task,
        ollama_template(chat_render(tokenizer), (tokenizer.bos_token or "") if facts.adds_bos else ""),
        model_file,
        context_tokens,
        stops=tuple(dict.fromkeys((*chat_format_of(base.gguf).stop_tokens, *facts.stops))),
        adapter=adapter,
        control=control_tokens_of(base.gguf),
    )


def card_of(
    task: Task, dataset: Dataset, base: BaseModel, trained: Run, parity: ParitySummary, **more: Any
) -> str:
    """Return the model card of an export of a training run; ``more`` are arguments of ``model_card``."""
    return model_card(
        task,
        base=base.name,
        licence=base.licence,
        dataset=f"{dataset.manifest.name}@{dataset.manifest.digest[:12]}",
        training=training_summary(trained),
        parity=parity,
        **more,
    )


def no_modelfile(run: Run) -> str:
    """Return why the export has no Modelfile, an empty text if it has one."""
    return str(run.result.get("no_modelfile", ""))


def parity(run: Run) -> ParitySummary:
    """Return what the parity gate measured."""
    return ParitySummary.model_validate(run.result["parity"])


def _check_template(base: BaseModel, served: ChatFormat) -> None:
    """Check that the template and stop token in the served file are those used in training.

    Raises:
        IntegrityError: ``template-differs``.
    """
    tokenizer = load_tokenizer(base)
    if tokenizer.chat_template != served.template or tokenizer.eos_token != served.stop_tokens[0]:
        raise IntegrityError(
            "template-differs",
            "The chat template or the stop token inside the GGUF differs from the one used in training.",
            hint="Delete the `unpacked` folder of the model cache and train again.",
        )
